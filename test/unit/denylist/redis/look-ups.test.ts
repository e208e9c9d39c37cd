import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EntryName } from "../../../../src/denylist/denylist.ts";
import { KeySpace } from "../../../../src/denylist/redis/key-space.ts";
import { LookUps } from "../../../../src/denylist/redis/look-ups.ts";

const token = { id: "t".repeat(43), subject: "s".repeat(43), issuedAt: 200 };

/** A store that holds some values, and remembers what it was asked. */
function lookUpsIn(values: Record<string, string>, trusted = true, { spread = false } = {}) {
  const asked: [string, readonly EntryName[]][] = [];
  const lookUps = new LookUps(new KeySpace("x:", { spread }), async (shard, names) => {
    asked.push([shard, names]);
    return { trusted, values: names.map(({ kind }) => values[kind] ?? null) };
  });
  return { lookUps, asked };
}

describe("LookUps", () => {
  it("ask for all names of a token, and of all tokens of a moment, at once", async () => {
    const { lookUps, asked } = lookUpsIn({});
    const tokens = [token, { ...token, jti: "j".repeat(43), sid: "d".repeat(43) }];
    const answers = await Promise.all(tokens.map((each) => lookUps.ask(each)));
    assert.deepEqual(answers, ["live", "live"]);
    const kinds = asked.map(([, names]) => names.map(({ kind }) => kind));
    assert.deepEqual(kinds, [["tok", "sub", "lnk", "tok", "jti", "sid", "sub", "lnk"]]);
  });

  it("ask each shard for the names that are there", async () => {
    const { lookUps, asked } = lookUpsIn({ sub: "9000 200" }, true, { spread: true });
    assert.equal(await lookUps.ask(token), "revoked");
    assert.deepEqual(
      asked.map(([shard, names]) => [shard, names.map(({ kind }) => kind)]),
      [
        ["t", ["tok", "lnk"]],
        ["s", ["sub"]],
      ],
    );
  });

  it("ask for the session to which a token was linked, and no other token's", async () => {
    const session = "w".repeat(43);
    const { lookUps, asked } = lookUpsIn({ lnk: `9000 ${session}`, sid: "9000" });
    assert.equal(await lookUps.ask(token), "revoked");
    assert.deepEqual(asked.at(-1)?.[1], [{ kind: "sid", value: session }]);
    assert.equal(await lookUps.sessionOf(token), session);
    assert.equal(await lookUpsIn({ sid: "9000" }).lookUps.ask(token), "live");
    // Nobody can say that a token has no session by a shard that may have lost its link.
    await assert.rejects(lookUpsIn({}, false).lookUps.sessionOf(token), /lost data/);
  });

  it("ask whose the session is of a token that does not say it, and for the cut-offs of that subject", async () => {
    const session = "w".repeat(43);
    const held = { lnk: `9000 ${session}`, ses: `9000 ${token.subject} 150000`, sub: "9000 200" };
    const opaque = { id: token.id };
    const { lookUps, asked } = lookUpsIn(held);
    assert.equal(await lookUps.ask(opaque), "revoked");
    assert.deepEqual(
      asked.map(([, names]) => names.map(({ kind }) => kind)),
      [["tok", "lnk"], ["sid", "ses"], ["sub"]],
    );
    assert.equal(await lookUpsIn({ ...held, sub: "9000 149" }).lookUps.ask(opaque), "live");
    await assert.rejects(
      lookUpsIn({ ...held, sub: "9000 149" }, false).lookUps.ask(opaque),
      /lost/,
    );
    const sparing = `9000 200 5;${session.slice(0, 22)}/0/0`;
    assert.equal(await lookUpsIn({ ...held, sub: sparing }).lookUps.ask(opaque), "live");
    // One that says both is meant by what it says.
    assert.equal(await lookUpsIn(held).lookUps.ask({ ...token, issuedAt: 201 }), "live");
  });

  it("give no all-clear by a shard that has lost data, whatever else is there", async () => {
    // Issued behind the subject's cut-off; the token's own entry may have been lost.
    const { lookUps } = lookUpsIn({ sub: "9000 100" }, false);
    await assert.rejects(lookUps.ask(token), /lost data/);
    await assert.rejects(lookUpsIn({}, false).lookUps.ask(token), /lost data/);
    assert.equal(await lookUpsIn({ tok: "9000" }, false).lookUps.ask(token), "revoked");
  });

  it("tell each token its own answer", async () => {
    const revoked = "r".repeat(43);
    const lookUps = new LookUps(new KeySpace("x:", { spread: false }), async (_shard, names) => ({
      trusted: true,
      values: names.map(({ value }) => (value === revoked ? "9000" : null)),
    }));
    const tokens = [token, { id: revoked }, { ...token, id: "u".repeat(43) }, { id: revoked }];
    const answers = await Promise.all(tokens.map((each) => lookUps.ask(each)));
    assert.deepEqual(answers, ["live", "revoked", "live", "revoked"]);
  });
});
