import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBodyTurns } from "../../../src/gateway/body-turns.ts";
import type { Peer } from "../../../src/gateway/peer.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

const from = (address: string) => ({ peer: { address } as Peer, headers: new HeaderList([]) });

/** Turns by a clock that goes on only while a body is read, or is waited for. */
function turnsByClock() {
  let nowMs = 0;
  const turns = createBodyTurns({
    nowMs: () => nowMs,
    runLater: (step, afterMs) => {
      nowMs += afterMs;
      setImmediate(step);
    },
  });
  const read = (tookMs: number) =>
    turns.charge(() => {
      nowMs += tookMs;
    });
  return { turns, read };
}

describe("turns of bodies that are there", () => {
  it("are had at once by one after the other, as long as time is left", async () => {
    const { turns, read } = turnsByClock();
    for (let i = 0; i < 20; i += 1) {
      assert.equal(turns.wait(from("192.0.2.1")), true);
      read(0.1);
    }
    assert.equal(turns.wait(from("192.0.2.1")), true);
    read(10);
    assert.equal(await turns.wait(from("192.0.2.1")), true);
  });

  it("are had by one of those that come before anything is charged", async () => {
    const { turns, read } = turnsByClock();
    assert.equal(turns.wait(from("192.0.2.1")), true);
    const second = turns.wait(from("192.0.2.1"));
    assert.notEqual(second, true);
    read(0.1);
    assert.equal(await second, true);
  });

  it("are had by one network after the other, each in a callback of its own", async () => {
    const { turns, read } = turnsByClock();
    const order: string[] = [];
    let inCallback = 0;
    let most = 0;
    const enter = async (name: string, address: string) => {
      await turns.wait(from(address));
      order.push(name);
      inCallback += 1;
      most = Math.max(most, inCallback);
      setImmediate(() => {
        inCallback = 0;
      });
      read(3);
    };
    const flood = Array.from({ length: 30 }, () => enter("flood", "192.0.2.1"));
    await Promise.all([...flood, enter("other", "192.0.2.2")]);
    assert.ok(order.indexOf("other") <= 2, order.join());
    assert.ok(most <= 2, `${most} bodies were read together`);
  });

  it("are charged for what fails as well", async () => {
    const { turns, read } = turnsByClock();
    assert.equal(turns.wait(from("192.0.2.1")), true);
    assert.throws(() =>
      turns.charge(() => {
        throw new Error("broken");
      }),
    );
    assert.equal(turns.wait(from("192.0.2.1")), true, "the next goes on");
    read(0.1);
  });
});
