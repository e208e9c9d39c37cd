import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Reloads } from "../../../src/app/reloads.ts";
import type { Config } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/errors.ts";
import { createLogger } from "../../../src/observability/logger.ts";

const config = {} as Config;

/** Reloads whose configurations are taken on when the test says so. */
function watched() {
  const events: string[] = [];
  const taken: (() => void)[] = [];
  const counter = (name: string) => ({ inc: () => void events.push(name) });
  const reloads = new Reloads({
    adopt: () =>
      new Promise((resolve) => {
        events.push("adopt");
        taken.push(() => resolve([]));
      }),
    metrics: {
      reloads: { ok: counter("ok"), failed: counter("failed") },
      lastReloadSuccessful: { set: (value) => void events.push(`successful ${value}`) },
      lastReloadSuccess: { setToCurrentTime: () => void events.push("at") },
    },
    logger: createLogger("silent", [], { write() {} }),
  });
  return { reloads, events, taken };
}

describe("reloads", () => {
  it("are taken on one after the other", async () => {
    const { reloads, events, taken } = watched();
    const [first, second] = [1, 2].map(() => reloads.run(async () => config));
    await nextTurn();
    assert.deepEqual(events, ["adopt"]);
    taken[0]?.();
    await first;
    await nextTurn();
    assert.deepEqual(events, ["adopt", "at", "successful 1", "ok", "adopt"]);
    taken[1]?.();
    await second;
    assert.equal(events.length, 8);
  });

  it("that fail are told, and the next one mends it", async () => {
    const { reloads, events, taken } = watched();
    await reloads.run(() =>
      Promise.reject(new ConfigError(["a.yaml:1:2 x: no", "a.yaml:3:4 y: no"])),
    );
    assert.deepEqual(events, ["successful 0", "failed"]);
    assert.match(
      reloads.trouble ?? "",
      /^not reloaded: 2 problems, the first at a\.yaml:1:2 x; see/,
    );
    const mended = reloads.run(async () => config);
    await nextTurn();
    taken[0]?.();
    await mended;
    assert.deepEqual(events.slice(2), ["adopt", "at", "successful 1", "ok"]);
    assert.equal(reloads.trouble, undefined);
  });

  it("under way end before they are closed, and none begins after that", async () => {
    const { reloads, events, taken } = watched();
    void reloads.run(async () => config);
    void reloads.run(async () => config);
    await nextTurn();
    const closed = reloads.close().then(() => events.push("closed"));
    await nextTurn();
    assert.deepEqual(events, ["adopt"]);
    taken[0]?.();
    await closed;
    assert.deepEqual(events, ["adopt", "at", "successful 1", "ok", "closed"]);
  });
});
