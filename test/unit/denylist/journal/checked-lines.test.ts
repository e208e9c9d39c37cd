import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { crc32 } from "node:zlib";
import { decodeLines, encodeLines } from "../../../../src/denylist/journal/checked-lines.ts";

const text = `shared tok ${"aZ09-_".repeat(7)}A 1764000000`;
const texts = ["", "123456789", text, "\u0000\u007f", "x".repeat(5000), ...text];

describe("lines with a checksum", () => {
  it("have the CRC-32 that zlib makes", () => {
    for (const each of texts) {
      const checksum = crc32(each).toString(16).padStart(8, "0");
      assert.equal(encodeLines([each]).toString(), `${checksum} ${each}\n`);
    }
    assert.equal(encodeLines(["123456789"]).toString(), "cbf43926 123456789\n");
  });

  it("are read back together, each damaged one for itself", () => {
    const bytes = encodeLines(texts);
    assert.deepEqual(decodeLines(bytes), texts);
    assert.deepEqual(decodeLines(Buffer.alloc(0)), []);
    const line = encodeLines([text]);
    for (let at = 0; at < line.length - 1; at += 1) {
      const changed = Buffer.from(line);
      changed[at] = (changed[at] ?? 0) ^ 1;
      if (changed[at] === 10) continue;
      const around = Buffer.concat([line, changed, line]);
      assert.deepEqual(decodeLines(around), [text, undefined, text], `at ${at}`);
      assert.deepEqual(decodeLines(line.subarray(0, at)), at === 0 ? [] : [undefined]);
    }
  });

  it("are none if they are too short, or without the space", () => {
    for (const line of ["\n", "00000000\n", "00000000x\n", " \n", "0 \n"]) {
      assert.deepEqual(decodeLines(Buffer.from(line)), [undefined], JSON.stringify(line));
    }
    assert.deepEqual(decodeLines(Buffer.from("00000000 \n")), [""]);
  });
});
