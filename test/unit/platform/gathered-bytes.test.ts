import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GatheredBytes } from "../../../src/platform/gathered-bytes.ts";

describe("gathered bytes", () => {
  it("are those that came, in their order", () => {
    const gathered = new GatheredBytes();
    assert.equal(gathered.length, 0);
    assert.equal(gathered.bytes.length, 0);
    const pieces = Array.from({ length: 300 }, (_, i) => Buffer.alloc(i % 7, i));
    for (const piece of pieces) gathered.add(piece);
    assert.deepEqual(gathered.bytes, Buffer.concat(pieces));
    assert.equal(gathered.length, gathered.bytes.length);
  });

  it("are copied: what came may be used for something else", () => {
    const gathered = new GatheredBytes();
    const piece = Buffer.from("ab");
    gathered.add(piece);
    piece.fill("x");
    gathered.add(Buffer.from("c"));
    assert.equal(gathered.bytes.toString(), "abc");
  });

  it("are seldom moved, however small the pieces are", () => {
    const gathered = new GatheredBytes();
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 65_536; i += 1) {
      gathered.add(Buffer.from("x"));
      buffers.add(gathered.bytes.buffer);
    }
    assert.equal(gathered.length, 65_536);
    assert.ok(buffers.size < 20, `${buffers.size} buffers`);
  });
});
