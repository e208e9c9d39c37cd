import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { unsentBytes } from "../../../src/node-http/unsent-bytes.ts";

const figureOf = (socket: Record<string, unknown>) => unsentBytes(socket as unknown as Socket);

describe("what a socket has not sent", () => {
  it("changes with each part that the system takes", () => {
    const [before, after] = [90, 40].map((writeQueueSize) =>
      figureOf({ writableLength: 100, _handle: { writeQueueSize } }),
    );
    assert.notEqual(before, after);
    assert.equal(figureOf({ writableLength: 0, _handle: { writeQueueSize: 0 } }), undefined);
  });

  it("changes with whole writes alone where Node has no such handle, or another", () => {
    for (const handle of [undefined, null, {}]) {
      const figures = [100, 100, 60].map((writableLength) =>
        figureOf({ writableLength, _handle: handle }),
      );
      assert.equal(figures[0], figures[1]);
      assert.notEqual(figures[1], figures[2]);
      assert.equal(figureOf({ writableLength: 0, _handle: handle }), undefined);
    }
  });
});
