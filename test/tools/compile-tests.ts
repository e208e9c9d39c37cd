import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import { repository } from "./repository.ts";

/** Tests as JavaScript. */
export interface CompiledTests {
  /** The compiled files, those of `alone` first and in their order. */
  readonly files: readonly string[];
  remove(): void;
}

/** What is compiled: files of `test/` by their path from the repository. */
export interface TestsToCompile {
  /** Each becomes a file. */
  readonly alone: readonly string[];
  /** Each group becomes a file, whose tests run one after the other in one process. */
  readonly groups: readonly (readonly string[])[];
}

/**
 * Compiles tests, with all that they load, into a folder of its own below `node_modules/.cache`.
 *
 * What several of them load becomes a file that they share. Loading some hundreds of modules took most of the
 * CPU of a short test: 0.7 s as they are, 0.4 s so, 1.2 s through tsx. Types are not checked here;
 * `npm run typecheck` does that.
 */
export async function compileTests({ alone, groups }: TestsToCompile): Promise<CompiledTests> {
  const cache = join(repository, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "revgate-tests-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const sources = join(folder, "groups");
  mkdirSync(sources);
  const together = groups.map((tests, index) => {
    const file = join(sources, `group-${index + 1}.test.ts`);
    const imports = tests.map((test) => `import ${JSON.stringify(join(repository, test))};\n`);
    writeFileSync(file, imports.join(""));
    return relative(repository, file);
  });
  const entryPoints = [...alone, ...together];
  try {
    await build({
      ...{ entryPoints, absWorkingDir: repository, outbase: repository, outdir: folder },
      ...{ bundle: true, splitting: true, format: "esm", platform: "node", target: "node20" },
      ...{ sourcemap: true, sourcesContent: false, logLevel: "error" },
      ...{ banner: { js: requireForPackages }, plugins: [sourceLocations, packages] },
    });
  } catch (error) {
    remove();
    throw new Error("the tests do not compile", { cause: error });
  }
  const files = entryPoints.map((file) => join(folder, file.replace(/\.ts$/, ".js")));
  return { files, remove };
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
      if (importer.includes("/node_modules/") && !importer.includes("/groups/")) return undefined;
      return bundled.test(path) ? undefined : { path, external: true };
    });
  },
};
