import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { tokenIdOf } from "../../../src/token/token-id.ts";

describe("tokenIdOf", () => {
  it("is the SHA-256 of the signing input in base64url", () => {
    const expected = createHash("sha256").update("header.payload").digest("base64url");
    assert.equal(tokenIdOf("header.payload"), expected);
    assert.equal(expected.length, 43);
  });
});
