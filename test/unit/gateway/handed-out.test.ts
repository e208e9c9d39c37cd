import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readHandedOut, watchHandedOut } from "../../../src/gateway/handed-out.ts";
import type { HandedOutSource } from "../../../src/gateway/route.ts";
import { plainNames } from "../../../src/token/names.ts";
import type { Verifier } from "../../../src/token/verifier.ts";

const tokenOf = (id: string) => ({
  ...{ id, expiresAt: 10, notBefore: undefined, subject: undefined, issuedAt: undefined },
});
/** Every text that begins with "jwt" is a token of the issuer's; "jwt-over" has expired. */
const verifier = {
  verify: (text: string) => {
    if (!text.startsWith("jwt")) return { kind: "invalid" };
    return { kind: text === "jwt-over" ? "expired" : "valid", token: tokenOf(text) };
  },
  names: plainNames,
} as unknown as Verifier;

const sources: readonly HandedOutSource[] = [
  { kind: "responseJson", pointer: "/token" },
  { kind: "responseHeader", name: "x-token" },
  { kind: "responseCookie", name: "session" },
];
const answer = (status: number, token: string, ...lines: string[]) => ({
  ...{ status, headers: ["content-type", "application/json", ...lines], trailers: () => [] },
  readBody: async () => Buffer.from(JSON.stringify({ token })),
});

describe("an answer that hands tokens out", () => {
  const revokedIn = async (...sent: Parameters<typeof answer>) => {
    const revoked: string[] = [];
    const hold = watchHandedOut({
      ...{ sources, verifier, bodyBytes: 1000, onRevoked: (id) => void revoked.push(id) },
      denylist: { lookUp: ({ id }) => (id === "jwt-dead" ? "revoked" : "live") },
    });
    await hold.onResponse(answer(...sent));
    return revoked;
  };

  it("is told of if one of them has been revoked, wherever it stands", async () => {
    assert.deepEqual(await revokedIn(200, "jwt-dead"), ["jwt-dead"]);
    assert.deepEqual(await revokedIn(200, "jwt", "X-Token", "Bearer jwt-dead"), ["jwt-dead"]);
    assert.deepEqual(await revokedIn(200, "jwt", "Set-Cookie", "session=jwt-dead; Path=/"), [
      "jwt-dead",
    ]);
    assert.deepEqual(await revokedIn(200, "Bearer jwt-dead"), ["jwt-dead"]);
    assert.deepEqual(await revokedIn(200, "JWT  jwt-dead"), ["jwt-dead"]);
    assert.deepEqual(await revokedIn(200, "jwt", "Set-Cookie", "session=bearer+jwt-dead"), [
      "jwt-dead",
    ]);
    assert.deepEqual(await revokedIn(200, "the token jwt-dead"), []);
    assert.deepEqual(await revokedIn(299, "jwt"), []);
    for (const status of [199, 300, 401]) assert.deepEqual(await revokedIn(status, "jwt-dead"), []);
  });

  it("is passed on unread, unless a token may stand in its body and that is JSON", async () => {
    const bodiesRead = async (kinds: readonly string[], type: string) => {
      let reads = 0;
      const sent = answer(200, "jwt");
      const counted = {
        ...{ ...sent, headers: ["content-type", type, "x-token", "jwt"] },
        readBody: () => {
          reads += 1;
          return sent.readBody();
        },
      };
      const some = sources.filter(({ kind }) => kinds.includes(kind));
      await readHandedOut(some, counted, { verifier, bodyBytes: 1000, opaqueUntil: undefined });
      return reads;
    };
    const all = sources.map(({ kind }) => kind);
    assert.equal(await bodiesRead(all, "application/json"), 1);
    assert.equal(await bodiesRead(all, "text/html"), 0);
    assert.equal(await bodiesRead(["responseHeader", "responseCookie"], "application/json"), 0);
  });

  it("is read for the issuer's live tokens, and for opaque ones if they count until a time", async () => {
    const opaque = "0123456789abcdef";
    const idsIn = async (token: string, opaqueUntil?: number) => {
      const reading = { verifier, bodyBytes: 1000, opaqueUntil };
      const read = await readHandedOut(sources, answer(200, token), reading);
      return read.map(({ id, isOpaque, expiresAt }) => (isOpaque ? `opaque ${expiresAt}` : id));
    };
    assert.deepEqual(await idsIn("jwt"), ["jwt"]);
    assert.deepEqual(await idsIn("jwt-over", 50), []);
    assert.deepEqual(await idsIn(opaque), []);
    assert.deepEqual(await idsIn(opaque, 50), ["opaque 50"]);
    assert.deepEqual(await idsIn(opaque.slice(1), 50), []);
    assert.deepEqual(await idsIn("x".repeat(8192), 50), ["opaque 50"]);
    assert.deepEqual(await idsIn("x".repeat(8193), 50), []);
  });
});
