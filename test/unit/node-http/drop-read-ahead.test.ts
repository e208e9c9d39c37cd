import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { dropReadAhead } from "../../../src/node-http/drop-read-ahead.ts";

const socketWith = (parser: unknown) => ({ parser }) as unknown as Socket;

describe("dropping what a connection has sent ahead", () => {
  it("leaves a Node alone that has something else there", () => {
    for (const parser of [undefined, {}, { onIncoming: undefined }, { onIncoming: 7 }]) {
      const before = structuredClone(parser);
      dropReadAhead(socketWith(parser));
      assert.deepEqual(parser, before);
    }
  });

  it("has the parser make nothing of it", () => {
    let made = 0;
    const parser = {
      onIncoming: () => {
        made += 1;
        return 0;
      },
    };
    dropReadAhead(socketWith(parser));
    assert.deepEqual([parser.onIncoming(), made], [0, 0]);
  });
});
