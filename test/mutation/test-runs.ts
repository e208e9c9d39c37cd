import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import { repository } from "../tools/repository.ts";

/** How much CPU, and how long, the tests of a mutant may take: one that never ends counts as noticed. */
const [maxCpuSeconds, maxRunMs] = [30, 300_000];

/** Which tests load a source file, the nearest first: its own, then those that load the least. */
export type TestsOf = (source: string) => readonly string[];

/** Finds out which tests of folders and files below `test` load what. Both are paths from the repository. */
export async function findTests(places: readonly string[]): Promise<TestsOf> {
  const tests = places.flatMap(filesOf);
  const loads = await Promise.all(
    tests.map(async (test) => {
      const { metafile } = await build({
        ...common,
        entryPoints: [test],
        metafile: true,
        write: false,
        plugins: [external],
      });
      return { test, sources: new Set(Object.keys(metafile.inputs)) };
    }),
  );
  return (source) => {
    const own = source.replace(/^src\//, "test/unit/").replace(/\.ts$/, ".test.ts");
    return loads
      .filter(({ sources }) => sources.has(source))
      .sort((one, other) => rank(one) - rank(other))
      .map(({ test }) => test);
    function rank({ test, sources }: (typeof loads)[number]): number {
      return test === own ? 0 : sources.size;
    }
  };
}

function filesOf(place: string): string[] {
  if (place.endsWith(".test.ts")) return [`test/${place}`];
  return readdirSync(join(repository, "test", place), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `test/${place}/${name}`);
}

/** How tests ended: all passed, one failed, or the code cannot be compiled. */
export type RunResult = "passed" | "failed" | "unusable";

/** Runs tests in a process of their own, with another text in place of one source file. */
export async function runTests(
  tests: readonly string[],
  replaced?: { readonly source: string; readonly text: string },
): Promise<RunResult> {
  const cache = join(repository, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "revgate-mutant-"));
  try {
    const outfile = join(folder, "tests.mjs");
    const contents = tests.map((test) => `import "./${test}";`).join("\n");
    const stdin = { contents, resolveDir: repository, loader: "ts" as const };
    try {
      await build({ ...common, stdin, outfile, plugins: [external, replacing(replaced)] });
    } catch {
      return "unusable";
    }
    return await runFile(outfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runFile(file: string): Promise<RunResult> {
  // By CPU, since the machine may be busy with something else.
  const limited = `ulimit -t ${maxCpuSeconds} && exec "$0" "$@"`;
  const args = ["-c", limited, process.execPath, "--test-reporter=dot", file];
  const child = spawn("sh", args, { cwd: repository, stdio: "ignore" });
  const timer = setTimeout(() => child.kill("SIGKILL"), maxRunMs);
  const [code] = (await once(child, "exit")) as [number | null];
  clearTimeout(timer);
  return code === 0 ? "passed" : "failed";
}

const common = {
  absWorkingDir: repository,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  logLevel: "silent",
} as const;

/** Packages are loaded as they are. */
const external: Plugin = {
  name: "packages",
  setup({ onResolve }) {
    onResolve({ filter: /^[\w@]/ }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path, external: true },
    );
  },
};

function replacing(
  replaced: { readonly source: string; readonly text: string } | undefined,
): Plugin {
  return {
    name: "one other text",
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const isReplaced = replaced !== undefined && path === join(repository, replaced.source);
        const text = isReplaced ? replaced.text : readFileSync(path, "utf8");
        const url = JSON.stringify(pathToFileURL(path).href);
        return { loader: "ts", contents: text.replaceAll("import.meta.url", url) };
      });
    },
  };
}
