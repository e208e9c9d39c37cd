import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseCompactJws } from "../../../src/token/compact-jws.ts";
import { makeToken, spellingsOf } from "../../helpers/tokens.ts";

const encode = (text: string | Buffer) => Buffer.from(text).toString("base64url");

describe("parseCompactJws", () => {
  it("takes header, payload and signing input apart", () => {
    const token = makeToken({ sub: "alice" });
    const jws = parseCompactJws(token);
    assert.equal(jws?.payload["sub"], "alice");
    assert.equal(jws?.header["alg"], "RS256");
    assert.equal(jws?.signingInput, token.slice(0, token.lastIndexOf(".")));
  });

  it("accepts one of the sixteen spellings of a signature", () => {
    const spellings = spellingsOf(makeToken());
    assert.equal(new Set(spellings).size, 16);
    assert.equal(spellings.filter((text) => parseCompactJws(text) !== undefined).length, 1);
  });

  const header = encode('{"alg":"RS256"}');
  const payload = encode('{"sub":"a"}');
  const refused: Record<string, string> = {
    "two parts": `${header}.${payload}`,
    "four parts": `${header}.${payload}.AAAA.AAAA`,
    "five parts, as a JWE has": `${header}.a.b.c.d`,
    "an empty signature": `${header}.${payload}.`,
    "an empty payload": `${header}..AAAA`,
    padding: `${header}.${payload}.AA==`,
    "the alphabet of plain base64": `${header}.${payload}.+/++`,
    "white space": `${header}.${payload}.AAAA\n`,
    "spare bits in the payload": `${header}.${payload.slice(0, -1)}1.AAAA`,
    "an array as payload": `${header}.${encode("[]")}.AAAA`,
    "null as payload": `${header}.${encode("null")}.AAAA`,
    "a string as header": `${encode('"RS256"')}.${payload}.AAAA`,
    "what is not JSON": `${header}.${encode("{sub}")}.AAAA`,
    "what is not UTF-8": `${header}.${encode(Buffer.from([0x22, 0xff, 0x22]))}.AAAA`,
    "a byte order mark": `${header}.${encode('\uFEFF{"sub":"a"}')}.AAAA`,
    "an id of a key that is a list": `${encode('{"alg":"RS256","kid":[{}]}')}.${payload}.AAAA`,
    "an id of a key that is longer than any": `${encode(`{"alg":"RS256","kid":"${"k".repeat(1025)}"}`)}.${payload}.AAAA`,
    nothing: "",
  };
  for (const [what, text] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.equal(parseCompactJws(text), undefined));
  }
});
