import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { ConfigWatch } from "../../src/config/watch.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

/** Watches files; `changes` counts the calls, `until` waits for that many. */
async function watch(t: TestContext, files: () => readonly string[]) {
  const state = { changes: 0, tell: () => {} };
  const watched = await ConfigWatch.start({
    files,
    everyMs: 10,
    onChange() {
      state.changes += 1;
      state.tell();
    },
  });
  t.after(() => watched.close());
  const until = async (count: number) => {
    // The watch itself keeps no process alive.
    const alive = setInterval(() => {}, 1000);
    while (state.changes < count) {
      await new Promise<void>((resolve) => {
        state.tell = resolve;
      });
    }
    clearInterval(alive);
  };
  return { watched, state, until };
}

describe("ConfigWatch", () => {
  it("notices a file that is written, replaced, gone and back", async (t) => {
    const directory = temporaryDirectory(t);
    const [file, other] = [join(directory, "a.yaml"), join(directory, "b")];
    writeFileSync(file, "1");
    writeFileSync(other, "1");
    const { until, state } = await watch(t, () => [file, other]);
    writeFileSync(file, "2");
    await until(1);
    writeFileSync(`${file}.new`, "3");
    renameSync(`${file}.new`, file);
    await until(2);
    rmSync(other);
    await until(3);
    writeFileSync(other, "1");
    await until(4);
    assert.equal(state.changes, 4);
  });

  it("notices a directory that is swapped for another by a symbolic link, as ConfigMaps are", async (t) => {
    const directory = temporaryDirectory(t);
    for (const version of ["..1", "..2"]) {
      mkdirSync(join(directory, version));
      writeFileSync(join(directory, version, "revgate.yaml"), `version: ${version}`);
    }
    symlinkSync("..1", join(directory, "..data"));
    symlinkSync("..data/revgate.yaml", join(directory, "revgate.yaml"));
    const { until } = await watch(t, () => [join(directory, "revgate.yaml")]);
    symlinkSync("..2", join(directory, "..data_tmp"));
    renameSync(join(directory, "..data_tmp"), join(directory, "..data"));
    await until(1);
  });

  it("does not take a file for changed that is still being written", async (t) => {
    const directory = temporaryDirectory(t);
    const file = join(directory, "a.yaml");
    writeFileSync(file, "0");
    let looks = 0;
    let tellLater = () => {};
    const later = new Promise<void>((resolve) => {
      tellLater = resolve;
    });
    // Another content at every look, as long as it is written.
    const { state, until } = await watch(t, () => {
      looks += 1;
      if (looks === 25) tellLater();
      if (looks > 1 && looks < 20) writeFileSync(file, String(looks));
      return [file];
    });
    await until(1);
    assert.equal(looks, 20, "the first look that found what the one before had found");
    const alive = setInterval(() => {}, 1000);
    await later;
    clearInterval(alive);
    assert.equal(state.changes, 1, "it is told once");
  });

  it("ends when it is closed", async (t) => {
    const directory = temporaryDirectory(t);
    const file = join(directory, "a.yaml");
    writeFileSync(file, "0");
    const closed = await watch(t, () => [file]);
    let looks = 0;
    const closedInALook = await watch(t, () => {
      looks += 1;
      if (looks === 2) closedInALook.watched.close();
      return [file];
    });
    const open = await watch(t, () => [file]);
    closed.watched.close();
    writeFileSync(file, "1");
    await open.until(1);
    writeFileSync(file, "2");
    await open.until(2);
    assert.equal(closed.state.changes, 0);
    assert.deepEqual([closedInALook.state.changes, looks], [0, 2]);
  });
});
