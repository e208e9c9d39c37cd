import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  EventKeysUnavailable,
  EventRefused,
  type EventSource,
  verifyEvent,
} from "../../../src/token/events/security-event.ts";
import { fixedKeys, type KeyRing } from "../../../src/token/keys/key-ring.ts";
import { nextKeyPair } from "../../helpers/key-pairs.ts";
import { keyPair, makeToken } from "../../helpers/tokens.ts";

const other = nextKeyPair();
const issuer = "https://id.example.com";
const now = Math.floor(Date.now() / 1000);

function source(name: string, { publicKey }: typeof keyPair, audience = "shop") {
  const keys = fixedKeys([{ key: publicKey, kid: name, algorithms: ["RS256"] }]);
  return { name, issuer, audience, keys } satisfies EventSource & { name: string };
}

const rules = {
  types: ["secevent+jwt"],
  clock: { nowSeconds: () => now },
  clockToleranceSeconds: 0,
  maxAgeSeconds: 60,
  wait: (ready: Promise<void>) => ready,
};

function event(
  key: typeof keyPair,
  kid: string | undefined,
  claims: Record<string, unknown> = {},
): string {
  return makeToken(
    { iss: issuer, aud: "shop", exp: undefined, iat: now, events: {}, ...claims },
    { key: key.privateKey, header: { kid, typ: "secevent+jwt" } },
  );
}

describe("two transmitters of one issuer", () => {
  const sources = [source("first", keyPair), source("second", other)];

  it("are both believed, each by its own keys", async () => {
    const first = await verifyEvent(event(keyPair, "first"), { ...rules, sources });
    assert.equal(first.source.name, "first");
    const second = await verifyEvent(event(other, "second"), { ...rules, sources });
    assert.equal(second.source.name, "second");
  });

  it("are believed for their own audience only", async () => {
    const apart = [source("first", keyPair), source("second", other, "bank")];
    const forBoth = event(other, "second", { aud: ["bank", "shop"] });
    assert.equal((await verifyEvent(forBoth, { ...rules, sources: apart })).source.name, "second");
    const forShop = verifyEvent(event(other, "second"), { ...rules, sources: apart });
    await assert.rejects(forShop, (error) => (error as EventRefused).code === "invalid_key");
  });

  it("do not make a wrong signature right", async () => {
    const forged = verifyEvent(event(other, "first"), { ...rules, sources });
    await assert.rejects(
      forged,
      (error) => error instanceof EventRefused && error.code === "authentication_failed",
    );
  });
});

describe("an event whose key is looked for", () => {
  it("asks for it once, is looked at anew when its wait is over, and can be given up", async () => {
    let searches = 0;
    let keys: KeyRing["keys"] = [];
    const ring: KeyRing = {
      ...fixedKeys([]),
      get keys() {
        return keys;
      },
      seek: async () => {
        searches += 1;
      },
    };
    const sources = [{ issuer, audience: "shop", keys: ring }];
    const text = event(keyPair, "one");
    const wait: typeof rules.wait = async (ready) => {
      await ready;
      keys = [{ key: keyPair.publicKey, kid: undefined, algorithms: ["RS256"] }];
    };
    const givenUp = verifyEvent(text, {
      ...{ ...rules, sources },
      wait: async () => {
        throw new Error("given up");
      },
    });
    await assert.rejects(givenUp, /given up/);
    const { source } = await verifyEvent(text, { ...rules, sources, wait });
    assert.deepEqual([source.audience, searches], ["shop", 2]);
  });
});

describe("an event of several rings without its key", () => {
  const ring = (trouble: string | undefined, seek: KeyRing["seek"] = async () => {}): KeyRing => ({
    ...fixedKeys([]),
    ...{ trouble, seek },
  });
  const among = (text: string, ...rings: KeyRing[]) =>
    verifyEvent(text, {
      ...rules,
      sources: rings.map((keys) => ({ issuer, audience: "shop", keys })),
    });

  it("is refused for its key only if none of them is in trouble", async () => {
    const text = event(keyPair, "one");
    await assert.rejects(among(text, ring(undefined), ring("unreachable")), EventKeysUnavailable);
    const refused = among(text, ring(undefined), ring(undefined));
    await assert.rejects(refused, (error) => (error as EventRefused).code === "invalid_key");
  });

  it("names no key, or one that nothing has, and is sought to the end", async () => {
    const answers: boolean[] = [];
    const seek: KeyRing["seek"] = async (isFound) => void answers.push(isFound());
    for (const kid of [undefined, "one"])
      await assert.rejects(among(event(keyPair, kid), ring(undefined, seek)), EventRefused);
    assert.deepEqual(answers, [false, false]);
  });
});

describe("the time of an event", () => {
  const tolerant = { ...rules, clockToleranceSeconds: 5, sources: [source("first", keyPair)] };
  const read = (claims: Record<string, unknown>) =>
    verifyEvent(event(keyPair, "first", claims), tolerant);

  it("ends by its exp or its age, the earlier of the two, and the tolerance more", async () => {
    assert.equal((await read({ iat: now - 10 })).expiresAt, now - 10 + 60 + 5);
    assert.equal((await read({ iat: now - 10, exp: now + 20 })).expiresAt, now + 20 + 5);
    assert.equal((await read({ iat: now - 64 })).expiresAt, now + 1);
    for (const past of [{ iat: now - 65 }, { iat: now - 10, exp: now - 5 }])
      await assert.rejects(read(past), /it has expired/);
  });

  it("may be ahead by the tolerance, and no more", async () => {
    assert.equal((await read({ iat: now + 5 })).issuedAt, now + 5);
    await assert.rejects(read({ iat: now + 6 }), /iat is still to come/);
  });

  it("is in seconds, and the event has a name", async () => {
    for (const [claims, text] of [
      [{ iat: undefined }, /expected iat/],
      [{ exp: "1" }, /expected exp/],
      [{ jti: "" }, /expected jti/],
      [{ events: [] }, /expected events/],
      [{ events: { a: 1 } }, /expected an object as a/],
    ] as const)
      await assert.rejects(read(claims), text);
  });
});
