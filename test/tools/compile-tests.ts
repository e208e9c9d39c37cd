import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build } from "esbuild";
import {
  bundleProgram,
  commonPackages,
  locationsAsBefore,
  requireForPackages,
} from "./bundle-program.ts";
import type { TestProcesses } from "./processes.ts";
import { repository } from "./repository.ts";

/** Tests as JavaScript. */
export interface CompiledTests {
  /** A compiled file for each process, in their order: their names sort so. */
  readonly files: readonly string[];
  /** The built program in a form that starts faster, if there is one. */
  readonly program: string | undefined;
  remove(): void;
}

/**
 * Compiles tests, with all that they load, into a folder of its own below `node_modules/.cache`.
 *
 * What several of them load becomes a file that they share. Loading some hundreds of modules took most of the
 * CPU of a short test: 0.7 s as they are, 0.4 s so, 1.2 s through tsx. Types are not checked here;
 * `npm run typecheck` does that.
 */
export async function compileTests({ alone, groups }: TestProcesses): Promise<CompiledTests> {
  const cache = join(repository, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "revgate-tests-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const sources = [...alone, ...groups.map((tests, index) => writeGroup(folder, tests, index))];
  const outputs = sources.map((file, index) => outputOf(relative(repository, file), index));
  const entryPoints = sources.map((file, index) => ({ in: file, out: outputs[index] ?? "" }));
  try {
    await build({
      ...{ entryPoints, absWorkingDir: repository, outdir: folder },
      ...{ bundle: true, splitting: true, format: "esm", platform: "node", target: "node20" },
      ...{ sourcemap: true, sourcesContent: false, logLevel: "error" },
      ...{ banner: { js: requireForPackages }, plugins: [locationsAsBefore, commonPackages] },
    });
  } catch (error) {
    remove();
    throw new Error("the tests do not compile", { cause: error });
  }
  const isBuilt = existsSync(join(repository, "dist/cli.js"));
  return {
    files: outputs.map((file) => join(folder, `${file}.js`)),
    program: isBuilt ? await bundleProgram(folder) : undefined,
    remove,
  };
}

/** Writes a file that runs the tests of a group, and returns its path. */
function writeGroup(folder: string, tests: readonly string[], index: number): string {
  const file = join(folder, `${dirname(tests[0] ?? "")}/group-${index + 1}.test.ts`);
  const imports = ["test/tools/hanging.ts", ...tests]
    .map((name) => `import ${JSON.stringify(join(repository, name))};\n`)
    .join("");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, imports);
  return file;
}

/** Where the compiled form of a source goes, without its ending: the runner sorts files by their names. */
function outputOf(source: string, index: number): string {
  const number = String(index + 1).padStart(3, "0");
  return `${number}/${source.replace(/^.*?(?=test\/)/, "").replace(/\.ts$/, "")}`;
}
