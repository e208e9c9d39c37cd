import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { closeFrame, FrameTracker } from "../../../src/upstream/frame-tracker.ts";
import { fc } from "../../helpers/fast-check.ts";

/** A frame with a payload of that length, in the form of RFC 6455 section 5.2. */
function frame(length: number, { masked = false, opcode = 2 } = {}): Buffer {
  const extended =
    length < 126 ? [length] : length < 65_536 ? [126, length >> 8, length & 255] : undefined;
  const size = Buffer.alloc(9);
  size.writeUInt8(127, 0);
  size.writeBigUInt64BE(BigInt(length), 1);
  const head = extended === undefined ? size : Buffer.from(extended);
  if (masked) head[0] = (head[0] ?? 0) | 0x80;
  const mask = Buffer.alloc(masked ? 4 : 0, 7);
  return Buffer.concat([Buffer.from([0x80 | opcode]), head, mask, Buffer.alloc(length, 0x88)]);
}

describe("FrameTracker", () => {
  it("knows where frames end, whatever their lengths and however they are cut", () => {
    const lengths = fc.constantFrom(0, 1, 5, 125, 126, 127, 300, 65_535, 65_536, 70_000);
    const frames = fc.array(fc.tuple(lengths, fc.boolean()), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(frames, fc.array(fc.nat(3000), { maxLength: 20 }), (parts, cuts) => {
        const whole = parts.map(([length, masked]) => frame(length, { masked }));
        const ends = new Set([0]);
        for (const part of whole) ends.add(Math.max(...ends) + part.length);
        const bytes = Buffer.concat(whole);
        const tracker = new FrameTracker();
        let at = 0;
        for (const step of [...cuts, bytes.length]) {
          const next = Math.min(at + step, bytes.length);
          tracker.read(bytes.subarray(at, next));
          at = next;
          assert.equal(tracker.betweenFrames, ends.has(at), `at ${at}`);
        }
        assert.equal(tracker.closing, false);
      }),
      { numRuns: 300 },
    );
  });

  it("is between frames nowhere within a head", () => {
    const bytes = frame(70_000, { masked: true });
    const tracker = new FrameTracker();
    for (let at = 0; at < 14; at += 1) {
      tracker.read(bytes.subarray(at, at + 1));
      assert.equal(tracker.betweenFrames, false);
    }
  });

  it("sees a close frame go by", () => {
    const tracker = new FrameTracker();
    tracker.read(frame(3));
    assert.equal(tracker.closing, false);
    tracker.read(closeFrame(1000, "bye"));
    assert.deepEqual([tracker.closing, tracker.betweenFrames], [true, true]);
  });
});
