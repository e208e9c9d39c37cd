import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { holdDataDir } from "../../src/control/control-socket.ts";
import { DataDirUnsafeError } from "../../src/errors.ts";
import { openForAppending } from "../../src/platform/durable-file.ts";
import { ensureOwnDirectory } from "../../src/platform/own-directory.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

function makeDirectory(t: TestContext): string {
  const directory = join(temporaryDirectory(t), "data");
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

const refuses = (attempt: Promise<unknown>, expected: RegExp) =>
  assert.rejects(
    attempt,
    (error) => error instanceof DataDirUnsafeError && expected.test(error.message),
  );

describe("a data directory", () => {
  it("is made for its owner alone, and may be one that others can read", async (t) => {
    const directory = join(temporaryDirectory(t), "a", "data");
    const hold = await holdDataDir(directory);
    await hold.release();
    chmodSync(directory, 0o755);
    await (await holdDataDir(directory)).release();
  });

  it("that others may write in is refused, with the remedy", async (t) => {
    const directory = makeDirectory(t);
    for (const mode of [0o770, 0o777, 0o702, 0o1777]) {
      chmodSync(directory, mode);
      await refuses(holdDataDir(directory), /mode 1?7[70][0-7]\): .*chmod go-w .*\/data/);
    }
  });

  it("that belongs to somebody else is refused, with the remedy", async (t) => {
    const directory = makeDirectory(t);
    const me = process.geteuid?.() ?? 0;
    // Root can give it away; anybody else is somebody else to a process of another user.
    if (me === 0) chownSync(directory, 4242, 4242);
    const attempt = me === 0 ? holdDataDir(directory) : ensureOwnDirectory(directory, me + 1);
    await refuses(attempt, /belongs to user \d+, and this process runs as \d+: .*chown -R/);
  });

  it("is the root of a volume where others may write in that", async () => {
    // The tmpfs that every Linux has: mode 1777, and root's.
    await ensureOwnDirectory("/dev/shm");
  });

  it("with a symbolic link in it is refused, and nothing is written through one", async (t) => {
    const directory = makeDirectory(t);
    const elsewhere = join(temporaryDirectory(t), "precious");
    writeFileSync(elsewhere, "precious");
    const path = join(directory, "journal");
    symlinkSync(elsewhere, path);
    await refuses(holdDataDir(directory), /journal is a symbolic link/);
    // Put there when the check was over.
    await assert.rejects(openForAppending(path), { code: "ELOOP" });
    assert.equal(readFileSync(elsewhere, "utf8"), "precious");
  });
});
