import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { opaqueSpellings } from "../../../src/token/opaque-spellings.ts";

describe("the spellings of an opaque text", () => {
  it("are those of base64 from 22 digits on: a shorter one counts as it stands", () => {
    const short = "Ab3".repeat(7);
    assert.deepEqual(opaqueSpellings(short), [short]);
    const long = `${short}Q`;
    assert.deepEqual(opaqueSpellings(`${short}R`), opaqueSpellings(long));
    assert.ok(!opaqueSpellings(long).includes(long));
  });
});
