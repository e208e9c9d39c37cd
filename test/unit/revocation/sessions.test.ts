import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { linkTogether } from "../../../src/revocation/sessions.ts";
import type { VerifiedToken } from "../../../src/token/verified-token.ts";

const token = (id: string, more: Partial<VerifiedToken> = {}): VerifiedToken => ({
  ...{ id, expiresAt: 10, notBefore: undefined, subject: undefined, issuedAt: undefined },
  ...more,
});
const opaque = (id: string) => token(id, { isOpaque: true });
const sessions = (linked: readonly VerifiedToken[]) =>
  linked.map(({ id, session }) => `${id}:${session}`);

describe("tokens that are handed out together", () => {
  it("are of the session that is called like the issuer's token among them", () => {
    assert.deepEqual(sessions(linkTogether([opaque("o"), token("t")], undefined)), ["o:t", "t:t"]);
    assert.deepEqual(sessions(linkTogether([opaque("o"), opaque("p")], undefined)), ["o:o", "p:o"]);
    const named = token("t", { sid: "d" });
    assert.deepEqual(sessions(linkTogether([named], undefined)), ["t:d"]);
  });

  it("go on with the session of the token that was carried, or take it along", () => {
    const carried = token("c", { session: "s" });
    assert.deepEqual(sessions(linkTogether([token("t")], carried)), ["t:s"]);
    assert.deepEqual(sessions(linkTogether([token("t")], token("c"))), ["t:t", "c:t"]);
  });
});
