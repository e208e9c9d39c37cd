import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import type { TestProcesses } from "./processes.ts";
import { repository } from "./repository.ts";

/** Tests as JavaScript. */
export interface CompiledTests {
  /** A compiled file for each process, in their order: their names sort so. */
  readonly files: readonly string[];
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
      ...{ banner: { js: requireForPackages }, plugins: [sourceLocations, packages] },
    });
  } catch (error) {
    remove();
    throw new Error("the tests do not compile", { cause: error });
  }
  return { files: outputs.map((file) => join(folder, `${file}.js`)), remove };
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

/** Packages in CommonJS ask for Node's modules by it. */
const requireForPackages =
  'import { createRequire as $createRequire } from "node:module"; const require = $createRequire(import.meta.url);';

/** Code that looks for files beside itself finds them where its source is. */
const sourceLocations: Plugin = {
  name: "source locations",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const url = JSON.stringify(pathToFileURL(path).href);
      return { loader: "ts", contents: text.replaceAll("import.meta.url", url) };
    });
  },
};

/**
 * Packages that most tests load, and those that they are made of; all others are loaded as they are. (One in
 * CommonJS that is loaded by `import()` has no names if it is compiled.)
 */
const bundled =
  /^(?:http-proxy|ioredis|jsonwebtoken|lru-cache|pino|prom-client|ws|yaml|zod)(?:\/|$)/;

const packages: Plugin = {
  name: "packages",
  setup({ onResolve }) {
    onResolve({ filter: /^[\w@]/ }, ({ path, importer, kind }) => {
      if (kind === "entry-point" || path.startsWith("node:")) return undefined;
      if (importer.includes("/node_modules/") && !/\/group-\d+\.test\.ts$/.test(importer))
        return undefined;
      return bundled.test(path) ? undefined : { path, external: true };
    });
  },
};
