import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { findProgram } from "../tools/programs.ts";
import { repository } from "../tools/repository.ts";
import { temporaryDirectory } from "./temporary.ts";

/** The wall clock of a program of a test's own. Its monotonic clock is the machine's. */
export interface SteppingClock {
  /** What the program has to be started with. */
  readonly env: NodeJS.ProcessEnv;
  /** From now on it is off by so many seconds, ahead if positive. */
  setOff(seconds: number): void;
}

const source = join(repository, "test/helpers/stepping-clock.c");

/** Makes wall clocks that a test can step. The library is compiled once, and is gone after the test. */
export function makeSteppingClocks(t: Pick<TestContext, "after">): () => SteppingClock {
  const directory = temporaryDirectory(t);
  const library = join(directory, "stepping-clock.so");
  const compiler = findProgram(["cc", "gcc", "clang"]);
  execFileSync(compiler, ["-shared", "-fPIC", "-O1", "-o", library, source]);
  let count = 0;
  return () => {
    count += 1;
    const file = join(directory, String(count));
    writeFileSync(file, Buffer.alloc(8));
    const setOff = (seconds: number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(seconds));
      // Into the file that is mapped, in one write.
      const opened = openSync(file, "r+");
      writeSync(opened, bytes, 0, bytes.length, 0);
      closeSync(opened);
    };
    return { env: { LD_PRELOAD: library, STEPPING_CLOCK: file }, setOff };
  };
}
