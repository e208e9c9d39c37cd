import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { repository } from "./repository.ts";

/** The tests as JavaScript. */
export interface CompiledTests {
  /** The compiled file of one in `test/`. */
  fileOf(test: string): string;
  /** One file that runs several, one after the other in one process. */
  together(name: string, tests: readonly string[]): string;
  remove(): void;
}

/**
 * Compiles `src` and `test` into a folder of its own below `node_modules/.cache`.
 *
 * A file that tsx loads takes half a second of CPU more than one that is compiled: on Node 20 each module
 * goes through a second thread. Types are not checked here; `npm run typecheck` does that.
 */
export function compileTests(): CompiledTests {
  const cache = join(repository, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "revgate-tests-"));
  const { status, error } = spawnSync(
    join(repository, "node_modules/.bin/tsc"),
    ["-p", "tsconfig.test.json", "--outDir", folder],
    { cwd: repository, stdio: "inherit" },
  );
  if (status !== 0) {
    rmSync(folder, { recursive: true });
    throw new Error("the tests do not compile", { cause: error });
  }
  // What the code looks for beside itself.
  for (const file of ["package.json", "src/admin/status-page"]) {
    cpSync(join(repository, file), join(folder, file), { recursive: true });
  }
  const fileOf = (test: string) => join(folder, test.replace(/\.ts$/, ".js"));
  return {
    fileOf,
    together(name, tests) {
      const file = join(folder, `${name}.test.js`);
      const imports = tests.map((test) => `import "./${relative(folder, fileOf(test))}";\n`);
      writeFileSync(file, imports.join(""));
      return file;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
