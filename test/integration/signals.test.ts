import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import jsonwebtoken from "jsonwebtoken";
import { createAdminServer } from "../../src/admin/admin-server.ts";
import type { AuditEvent } from "../../src/admin/audit.ts";
import { createSignalReceiver } from "../../src/admin/signal-receiver.ts";
import type { SignalSource } from "../../src/admin/signalled-entries.ts";
import type { TokenNames } from "../../src/denylist/denylist.ts";
import { openEmbeddedDenylist } from "../../src/denylist/embedded.ts";
import { RevocationPendingError } from "../../src/errors.ts";
import type { SignalResult } from "../../src/observability/metrics/tokens.ts";
import { fixedKeys } from "../../src/token/keys/key-ring.ts";
import { createNames } from "../../src/token/names.ts";
import type { SeenTokens } from "../../src/token/seen-tokens.ts";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { type Reply, send } from "../helpers/http.ts";
import { nextKeyPair } from "../helpers/key-pairs.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { keyPair, makeToken, publicPem } from "../helpers/tokens.ts";

const stranger = nextKeyPair();
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout";
const sessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const risc = "https://schemas.openid.net/secevent/risc/event-type";

type Claims = Record<string, unknown>;

/** Signs claims as they are; an undefined one is left out. */
function sign(claims: Claims, typ: string | undefined, options: Claims = {}): string {
  const { key = keyPair.privateKey, alg = "RS256", kid } = options;
  return jsonwebtoken.sign(JSON.stringify(claims), key as never, {
    algorithm: alg as jsonwebtoken.Algorithm,
    header: { alg, ...(typ && { typ }), ...(kid ? { kid } : {}) } as never,
  });
}

interface ReceiverSetup {
  readonly now: number;
  readonly issuer: string;
  readonly audience: string;
  readonly ends?: "subject" | "session";
  readonly subjectClaim?: string;
  readonly seen?: SeenTokens;
  /** Issuers of tokens; the receiver's own where it is left out. */
  readonly namespaces?: Map<string | undefined, string | undefined>;
  readonly requestsPerSecond?: number;
}

/** A receiver of its own, at a time of its own: published examples are years old. */
async function startReceiver(t: TestContext, setup: ReceiverSetup) {
  // It goes on as time does; the first second is nearly over, so that its end is soon there.
  const startedMs = performance.now();
  let offset = setup.now + 0.98;
  const clock = { nowSeconds: () => offset + (performance.now() - startedMs) / 1000 };
  const dataDir = temporaryDirectory(t);
  const denylist = await openEmbeddedDenylist({ dataDir, clock, onUnknownOutcome: "revoke" });
  t.after(() => denylist.close());
  const names = createNames();
  const audits: AuditEvent[] = [];
  const results: SignalResult[] = [];
  let isPending = false;
  const source: SignalSource = {
    ...{ issuer: setup.issuer, audience: setup.audience, ends: setup.ends ?? "subject" },
    keys: fixedKeys([
      { key: keyPair.publicKey, kid: undefined, algorithms: ["RS256"] },
      { key: stranger.publicKey, kid: "of another algorithm", algorithms: ["PS256"] },
    ]),
  };
  const endpoints = createSignalReceiver({
    logouts: [source],
    transmitters: [source],
    denylist: {
      lookUp: denylist.lookUp,
      ask: denylist.ask,
      revoke: (entries) =>
        isPending
          ? Promise.reject(new RevocationPendingError("no disk"))
          : denylist.revoke(entries),
    },
    clock,
    lifetimes: { clockToleranceSeconds: 5, maxLifetimeSeconds: 86_400 },
    subjectClaimOf: () => setup.subjectClaim ?? "sub",
    seen: setup.seen ?? { tokens: 0, subject: 0, sid: 0, jti: 0 },
    names,
    namespaces: setup.namespaces ?? new Map([[setup.issuer, undefined]]),
    requestsPerSecond: setup.requestsPerSecond ?? 1000,
    onRevoked() {},
    onSignal: (result) => void results.push(result),
  });
  const server = createAdminServer({
    endpoints: () => [endpoints],
    hosts: () => [],
    maxConnections: () => 128,
    audit: (event) => void audits.push(event),
    onDistrust() {},
    onCrowded() {},
    onUncaught: (_door, error) => assert.fail(String(error)),
  });
  const url = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  const standing = (names: Partial<TokenNames>) =>
    denylist.lookUp({ id: "x".repeat(43), issuedAt: setup.now - 10, ...names });
  return {
    audits,
    results,
    wait(seconds: number) {
      offset += seconds;
    },
    breakDisk(broken: boolean) {
      isPending = broken;
    },
    logOut: (token: string) =>
      send(`${url}/backchannel-logout`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: `logout_token=${token}`,
      }),
    push: (body: string, type = "application/secevent+jwt") =>
      send(`${url}/events`, { method: "POST", headers: { "content-type": type }, body }),
    url,
    subject: (text: string, namespace?: string, issuedAt = setup.now - 10) =>
      standing({ subject: names.claim("sub", namespace, text)?.value, issuedAt }),
    session: (text: string) => standing({ sid: names.claim("sid", undefined, text)?.value }),
    jti: (text: string) => standing({ jti: names.claim("jti", undefined, text)?.value }),
  };
}

/** OpenID Connect Back-Channel Logout 1.0, section 2.4. */
const logoutExample = {
  iss: "https://server.example.com",
  sub: "248289761001",
  aud: "s6BhdRkqt3",
  iat: 1471566154,
  exp: 1471569754,
  jti: "bWJq",
  sid: "08a5019c-17e1-4977-8f42-65a12843ea02",
  events: { [logoutEvent]: {} },
};
const logoutSetup = { now: 1471566160, issuer: logoutExample.iss, audience: logoutExample.aud };

describe("back-channel logout", () => {
  it("ends the subject and the session of the standard's example, and answers 200", async (t) => {
    const receiver = await startReceiver(t, logoutSetup);
    const reply = await receiver.logOut(sign(logoutExample, "logout+jwt"));
    assert.deepEqual([reply.status, reply.text], [200, ""]);
    assert.equal(reply.headers["cache-control"], "no-store");
    assert.equal(receiver.subject(logoutExample.sub), "revoked");
    assert.equal(receiver.session(logoutExample.sid), "revoked");
    assert.equal(receiver.subject("248289761002"), "live");
    assert.deepEqual(receiver.results, ["revoked"]);
    assert.deepEqual(
      receiver.audits[0]?.names?.map((name) => name.slice(0, 4)),
      ["sid:", "sub:"],
    );
  });

  it("ends the session alone where that is configured, and there is one", async (t) => {
    const receiver = await startReceiver(t, { ...logoutSetup, ends: "session" });
    assert.equal((await receiver.logOut(sign(logoutExample, "logout+jwt"))).status, 200);
    assert.equal(receiver.session(logoutExample.sid), "revoked");
    assert.equal(receiver.subject(logoutExample.sub), "live");
    const { sid: _, ...whole } = { ...logoutExample, jti: "2" };
    assert.equal((await receiver.logOut(sign(whole, "logout+jwt"))).status, 200);
    assert.equal(receiver.subject(logoutExample.sub), "revoked");
  });

  for (const [what, changes, typ] of [
    ["without sub", { sub: undefined }, "logout+jwt"],
    ["without sid", { sid: undefined }, "logout+jwt"],
    ["for several audiences", { aud: ["another", "s6BhdRkqt3"] }, "logout+jwt"],
    ["of the type JWT", {}, "JWT"],
    ["of no type", {}, undefined],
    ["with the type in full", {}, "application/logout+JWT"],
    ["with more events", { events: { [logoutEvent]: {}, "https://other": {} } }, "logout+jwt"],
  ] as [string, Claims, string | undefined][]) {
    it(`accepts a token ${what}`, async (t) => {
      const receiver = await startReceiver(t, logoutSetup);
      const reply = await receiver.logOut(sign({ ...logoutExample, ...changes }, typ));
      assert.equal(reply.status, 200, reply.text);
    });
  }

  const refused: [string, Claims, string, ({ typ?: string } & Claims)?][] = [
    ["without iss", { iss: undefined }, "invalid_issuer"],
    ["of another issuer", { iss: "https://evil.example.com" }, "invalid_issuer"],
    ["without aud", { aud: undefined }, "invalid_audience"],
    ["for another client", { aud: "another" }, "invalid_audience"],
    ["for other clients", { aud: ["another", "and another"] }, "invalid_audience"],
    ["without iat", { iat: undefined }, "invalid_request"],
    ["with iat in the future", { iat: logoutSetup.now + 60 }, "invalid_request"],
    ["with a text as iat", { iat: "1471566154" }, "invalid_request"],
    ["without exp", { exp: undefined }, "invalid_request"],
    ["with exp in the past", { exp: logoutSetup.now - 6 }, "invalid_request"],
    ["with a text as exp", { exp: "1471569754" }, "invalid_request"],
    ["without jti", { jti: undefined }, "invalid_request"],
    ["without sub and sid", { sub: undefined, sid: undefined }, "invalid_request"],
    ["with a list as sub", { sub: ["248289761001"] }, "invalid_request"],
    ["with an empty sid", { sid: "" }, "invalid_request"],
    ["without events", { events: undefined }, "invalid_request"],
    ["with a list of events", { events: [logoutEvent] }, "invalid_request"],
    ["with another event", { events: { [sessionRevoked]: {} } }, "invalid_request"],
    ["with an event that is no object", { events: { [logoutEvent]: true } }, "invalid_request"],
    ["with a nonce", { nonce: "n-0S6_WzA2Mj" }, "invalid_request"],
    ["with a nonce of null", { nonce: null }, "invalid_request"],
    ["of another type", {}, "invalid_request", { typ: "at+jwt" }],
    ["signed by a stranger", {}, "authentication_failed", { key: stranger.privateKey }],
    ["of another algorithm", {}, "invalid_key", { alg: "RS512" }],
    [
      "signed with the public key as a secret",
      {},
      "invalid_key",
      { alg: "HS256", key: Buffer.from(publicPem) },
    ],
  ];
  for (const [what, changes, error, { typ = "logout+jwt", ...options } = {}] of refused) {
    it(`refuses a token ${what}`, async (t) => {
      const receiver = await startReceiver(t, logoutSetup);
      const reply = await receiver.logOut(sign({ ...logoutExample, ...changes }, typ, options));
      assert.deepEqual([reply.status, reply.json["error"]], [400, error], reply.text);
      assert.equal(reply.headers["cache-control"], "no-store");
      assert.equal(receiver.subject(logoutExample.sub), "live");
      assert.equal(receiver.session(logoutExample.sid), "live");
      assert.deepEqual(receiver.results, ["refused"]);
      // The same without the fault is accepted: it is that which was refused.
      assert.equal((await receiver.logOut(sign(logoutExample, "logout+jwt"))).status, 200);
    });
  }

  it("refuses what is not signed, changed, or no JWT", async (t) => {
    const receiver = await startReceiver(t, logoutSetup);
    const good = sign(logoutExample, "logout+jwt");
    const [header, payload, signature] = good.split(".") as [string, string, string];
    const none = Buffer.from('{"alg":"none","typ":"logout+jwt"}').toString("base64url");
    const other = Buffer.from(JSON.stringify({ ...logoutExample, sub: "x" })).toString("base64url");
    for (const [token, error] of [
      [`${none}.${payload}.`, "invalid_request"],
      [`${none}.${payload}.${signature}`, "invalid_key"],
      [`${header}.${other}.${signature}`, "authentication_failed"],
      [`${header}.${payload}`, "invalid_request"],
      ["", "invalid_request"],
      ["nonsense", "invalid_request"],
    ] as const) {
      const reply = await receiver.logOut(token);
      assert.deepEqual([reply.status, reply.json["error"]], [400, error], token.slice(0, 60));
    }
  });

  it("refuses the same token a second time, at once or later", async (t) => {
    const receiver = await startReceiver(t, logoutSetup);
    const token = sign(logoutExample, "logout+jwt");
    const both = await Promise.all([receiver.logOut(token), receiver.logOut(token)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 400]);
    receiver.wait(3000);
    const late = await receiver.logOut(token);
    assert.match(String(late.json["error_description"]), /has been used/);
    receiver.wait(1000);
    const expired = await receiver.logOut(token);
    assert.match(String(expired.json["error_description"]), /expired/);
    // Another issuer's jti is another one; and so is a token's own.
    assert.equal(receiver.jti(logoutExample.jti), "live");
  });

  it("lets nobody use its issuer's share up by what it has sent before", async (t) => {
    const receiver = await startReceiver(t, { ...logoutSetup, requestsPerSecond: 2 });
    const token = sign(logoutExample, "logout+jwt");
    assert.equal((await receiver.logOut(token)).status, 200);
    const again = await Promise.all(Array.from({ length: 10 }, () => receiver.logOut(token)));
    for (const { json } of again) assert.match(String(json["error_description"]), /has been used/);
    const next = sign({ ...logoutExample, jti: "next" }, "logout+jwt");
    assert.equal((await receiver.logOut(next)).status, 200);
  });

  it("ends nothing that was issued later, wherever and whenever it is sent again", async (t) => {
    const token = sign({ ...logoutExample, exp: logoutExample.iat + 3000 }, "logout+jwt");
    // Another sidecar, with a store of its own, has not seen that it was used.
    const later = { ...logoutSetup, now: logoutExample.iat + 2000 };
    const receiver = await startReceiver(t, later);
    assert.equal((await receiver.logOut(token)).status, 200);
    const issuedAt = (seconds: number) =>
      receiver.subject(logoutExample.sub, undefined, logoutExample.iat + seconds);
    // The clock tolerance is five seconds.
    assert.deepEqual([issuedAt(-60), issuedAt(5), issuedAt(6)], ["revoked", "revoked", "live"]);
  });

  it("takes whole numbers as names, and says what it can't take", async (t) => {
    const receiver = await startReceiver(t, { ...logoutSetup, subjectClaim: "/user/id" });
    const { sid: _, ...whole } = logoutExample;
    const numbered = { ...whole, user: { id: 42 } };
    assert.equal((await receiver.logOut(sign(numbered, "logout+jwt"))).status, 200);
    assert.equal(receiver.subject("42"), "revoked");
    const listed = { ...whole, jti: "another", user: { id: ["42"] } };
    const refused = await receiver.logOut(sign(listed, "logout+jwt"));
    assert.equal(refused.status, 400);
    assert.match(String(refused.json["error_description"]), /got a list/);
  });

  it("says so if no token that was seen has a session to end", async (t) => {
    const { sub: _, ...session } = logoutExample;
    const logOut = async (seen: SeenTokens) => {
      const receiver = await startReceiver(t, { ...logoutSetup, seen });
      const { status, text } = await receiver.logOut(sign(session, "logout+jwt"));
      // In force all the same.
      assert.equal(receiver.session(session.sid), "revoked");
      return { status, text };
    };
    const none = { tokens: 3, subject: 3, sid: 0, jti: 3 };
    const told = await logOut(none);
    assert.equal(told.status, 400);
    assert.match(told.text, /no token seen here carries a session \(tokens\.sessionClaim\)/);
    assert.equal((await logOut({ ...none, sid: 1 })).status, 200);
    assert.equal((await logOut({ ...none, tokens: 0 })).status, 200, "nothing is known yet");
  });

  it("can be tried again where it could not be carried out", async (t) => {
    const receiver = await startReceiver(t, logoutSetup);
    const token = sign(logoutExample, "logout+jwt");
    receiver.breakDisk(true);
    const failed = await Promise.all([receiver.logOut(token), receiver.logOut(token)]);
    // Section 2.8: 400 where the logout failed.
    for (const { status, json } of failed) {
      assert.deepEqual([status, json["error"]], [400, "revocation_pending"]);
    }
    receiver.breakDisk(false);
    assert.equal((await receiver.logOut(token)).status, 200);
    assert.deepEqual(receiver.results, ["failed", "failed", "revoked"]);
  });

  it("refuses another body", async (t) => {
    const receiver = await startReceiver(t, logoutSetup);
    const url = `${receiver.url}/backchannel-logout`;
    const token = sign(logoutExample, "logout+jwt");
    const form = "application/x-www-form-urlencoded";
    const statuses = [];
    for (const [type, body] of [
      [form, `logout_token=${token}&logout_token=${token}`],
      [form, "x=1"],
      ["application/json", JSON.stringify({ logout_token: token })],
      [form, `logout_token=${"x".repeat(70_000)}`],
    ] as const) {
      const headers = { "content-type": type };
      statuses.push((await send(url, { method: "POST", headers, body })).status);
    }
    assert.deepEqual(statuses, [400, 400, 415, 413]);
    assert.equal((await send(url)).status, 404);
    assert.equal((await send(url, { method: "PUT" })).status, 405);
    assert.equal(receiver.subject(logoutExample.sub), "live");
  });

  it("ends by the claim that tells subjects apart here, or says that it can't", async (t) => {
    const receiver = await startReceiver(t, { ...logoutSetup, subjectClaim: "email" });
    const { sid: _, ...whole } = logoutExample;
    const refusal = await receiver.logOut(sign(whole, "logout+jwt"));
    assert.match(String(refusal.json["error_description"]), /email/);
    const withEmail = { ...whole, email: "alice@example.com" };
    assert.equal((await receiver.logOut(sign(withEmail, "logout+jwt"))).status, 200);
    assert.equal(receiver.subject("alice@example.com"), "revoked");
    assert.equal(receiver.subject(logoutExample.sub), "live");
  });
});

/** RFC 8417 section 2.1.4 and RFC 8935 section 2.1, whose subject is in the form of a draft. */
const accountDisabled = {
  iss: "https://idp.example.com/",
  jti: "756E69717565206964656E746966696572",
  iat: 1508184845,
  aud: "636C69656E745F6964",
  events: {
    [`${risc}/account-disabled`]: {
      subject: {
        subject_type: "iss-sub",
        iss: "https://idp.example.com/",
        sub: "7375626A656374",
      },
      reason: "hijacking",
    },
  },
};
const riscSetup = {
  now: accountDisabled.iat + 60,
  issuer: accountDisabled.iss,
  audience: accountDisabled.aud,
};

/** CAEP 1.0 section 3.1.2: a session, by an opaque id. */
const caepIssuer = "https://idp.example.com/123456789/";
const sessionId = "dMTlD|1600802906337.16|16008.16";
const caepExample = {
  iss: caepIssuer,
  jti: "24c63fb56e5a2d77a6b512616ca9fa24",
  iat: 1615305159,
  aud: "https://sp.example.com/caep",
  txn: 8675309,
  sub_id: { format: "opaque", id: sessionId } as Claims,
  events: { [sessionRevoked]: { event_timestamp: 1615304991 } } as Claims,
};
/** The same section: a session of a user, in a complex subject. */
const complexExample = {
  ...caepExample,
  sub_id: {
    format: "complex",
    session: { format: "opaque", id: sessionId },
    user: { format: "iss_sub", iss: caepIssuer, sub: "99beb27c-c1c2-4955-882a-e0dc4996fcbc" },
    tenant: { format: "opaque", id: "123456789" },
  },
  events: {
    [sessionRevoked]: {
      initiating_entity: "policy",
      reason_admin: { en: "Landspeed Policy Violation: C076E82F" },
      reason_user: { en: "Access attempt from multiple regions." },
      event_timestamp: 1615304991,
    },
  },
};
const user = complexExample.sub_id.user.sub;
const caepSetup = { now: caepExample.iat + 60, issuer: caepIssuer, audience: caepExample.aud };

describe("shared signals", () => {
  it("end the subject of RFC 8935's example, and answer 202 without a body", async (t) => {
    const receiver = await startReceiver(t, riscSetup);
    const reply = await receiver.push(sign(accountDisabled, "secevent+jwt"));
    assert.deepEqual([reply.status, reply.text], [202, ""]);
    assert.equal(receiver.subject("7375626A656374"), "revoked");
  });

  it("end the session of CAEP's example, whoever's id it is", async (t) => {
    const receiver = await startReceiver(t, caepSetup);
    assert.equal((await receiver.push(sign(caepExample, "secevent+jwt"))).status, 202);
    assert.deepEqual(
      [receiver.session(sessionId), receiver.subject(sessionId)],
      ["revoked", "revoked"],
    );
    assert.equal(receiver.session("another"), "live");
  });

  for (const [ends, subject] of [
    ["subject", "revoked"],
    ["session", "live"],
  ] as const) {
    it(`end what CAEP's complex example names (ends: ${ends})`, async (t) => {
      const receiver = await startReceiver(t, { ...caepSetup, ends });
      assert.equal((await receiver.push(sign(complexExample, "secevent+jwt"))).status, 202);
      assert.deepEqual([receiver.session(sessionId), receiver.subject(user)], ["revoked", subject]);
      assert.equal(receiver.subject("123456789"), "live", "the tenant is nobody");
    });
  }

  for (const kind of [
    "account-disabled",
    "account-credential-change-required",
    "account-purged",
    "sessions-revoked",
  ]) {
    it(`end the whole account on ${kind}, whatever logouts end`, async (t) => {
      const receiver = await startReceiver(t, { ...caepSetup, ends: "session" });
      const event = { ...complexExample, events: { [`${risc}/${kind}`]: {} } };
      assert.equal((await receiver.push(sign(event, "secevent+jwt"))).status, 202);
      assert.deepEqual([receiver.subject(user), receiver.session(sessionId)], ["revoked", "live"]);
    });
  }

  it("name somebody in every form that tokens know", async (t) => {
    const receiver = await startReceiver(t, { ...caepSetup, subjectClaim: "email" });
    let serial = 0;
    const end = (sub_id: Claims) => {
      serial += 1;
      return receiver.push(sign({ ...caepExample, jti: `${serial}`, sub_id }, "secevent+jwt"));
    };
    await end({ format: "email", email: "alice@example.com" });
    assert.equal(receiver.subject("alice@example.com"), "revoked");
    await end({ format: "jwt_id", iss: caepIssuer, jti: "B70BA622-9515-4353-A866-823539EECBC8" });
    assert.equal(receiver.jti("B70BA622-9515-4353-A866-823539EECBC8"), "revoked");
    await end({
      format: "aliases",
      identifiers: [
        { format: "phone_number", phone_number: "+12065550100" },
        { format: "email", email: "bob@example.com" },
        { format: "opaque", id: "carol" },
      ],
    });
    assert.deepEqual(
      ["bob@example.com", "carol", "+12065550100"].map((each) => receiver.subject(each)),
      ["revoked", "revoked", "live"],
    );
    // The claim that tells subjects apart is another one: the account is not known here.
    await end({ format: "iss_sub", iss: caepIssuer, sub: "dave" });
    assert.equal(receiver.subject("dave"), "live");
    assert.deepEqual(receiver.results, ["revoked", "revoked", "revoked", "ignored"]);
  });

  it("acknowledge what says nothing of tokens, and what came before", async (t) => {
    const receiver = await startReceiver(t, caepSetup);
    const verification = {
      "https://schemas.openid.net/secevent/ssf/event-type/verification": { state: "x" },
    };
    const other = { ...caepExample, events: verification };
    assert.equal((await receiver.push(sign(other, "secevent+jwt"))).status, 202);
    const again = sign({ ...caepExample, jti: "again" }, "secevent+jwt");
    for (const result of ["revoked", "ignored"]) {
      assert.equal((await receiver.push(again)).status, 202);
      assert.equal(receiver.results.at(-1), result);
    }
  });

  it("let an issuer of tokens speak of its own only, and others of all", async (t) => {
    const [mine, theirs] = [caepIssuer, "https://other.example.com"];
    const namespaces = new Map([
      [mine, undefined],
      [theirs, theirs],
    ]);
    const event = (iss: string) => ({
      ...caepExample,
      iss: setup.issuer,
      jti: iss,
      sub_id: { format: "iss_sub", iss, sub: "alice" },
    });
    let setup: ReceiverSetup = { ...caepSetup, namespaces };
    const own = await startReceiver(t, setup);
    assert.equal((await own.push(sign(event(theirs), "secevent+jwt"))).status, 202);
    assert.deepEqual([own.subject("alice"), own.subject("alice", theirs)], ["live", "live"]);
    setup = { ...setup, issuer: "https://signals.example.com" };
    const others = await startReceiver(t, setup);
    assert.equal((await others.push(sign(event(theirs), "secevent+jwt"))).status, 202);
    assert.deepEqual(
      [others.subject("alice"), others.subject("alice", theirs)],
      ["live", "revoked"],
    );
    assert.equal((await others.push(sign(event("https://nobody"), "secevent+jwt"))).status, 202);
    assert.deepEqual(others.results, ["revoked", "ignored"]);
  });

  const refused: [string, Claims, string, ({ typ?: string } & Claims)?][] = [
    ["of another issuer", { iss: "https://evil.example.com" }, "invalid_issuer"],
    ["for another audience", { aud: "https://other.example.com" }, "invalid_audience"],
    ["signed by a stranger", {}, "authentication_failed", { key: stranger.privateKey }],
    ["of another algorithm", {}, "invalid_key", { alg: "RS512" }],
    ["without a type", {}, "invalid_request", { typ: "" }],
    ["of the type JWT", {}, "invalid_request", { typ: "JWT" }],
    ["that is a logout token", {}, "invalid_request", { typ: "logout+jwt" }],
    ["without jti", { jti: undefined }, "invalid_request"],
    ["without iat", { iat: undefined }, "invalid_request"],
    ["from the future", { iat: caepSetup.now + 60 }, "invalid_request"],
    ["older than any token", { iat: caepSetup.now - 86_400 - 6 }, "invalid_request"],
    ["with exp", { exp: caepSetup.now + 60 }, "invalid_request"],
    ["with sub", { sub: "alice" }, "invalid_request"],
    ["without events", { events: undefined }, "invalid_request"],
    ["with an event that is no object", { events: { [sessionRevoked]: [] } }, "invalid_request"],
    ["without a subject", { sub_id: undefined }, "invalid_request"],
    ["with a text as subject", { sub_id: "alice" }, "invalid_request"],
    [
      "whose subject's format makes no text",
      { sub_id: { format: { toString: 1, valueOf: 1 } } },
      "invalid_request",
    ],
  ];
  for (const [what, changes, err, { typ = "secevent+jwt", ...options } = {}] of refused) {
    it(`refuse an event ${what}`, async (t) => {
      const receiver = await startReceiver(t, caepSetup);
      const reply = await receiver.push(sign({ ...complexExample, ...changes }, typ, options));
      assert.deepEqual([reply.status, reply.json["err"]], [400, err], reply.text);
      assert.equal(typeof reply.json["description"], "string");
      assert.equal(reply.headers["content-language"], "en");
      assert.match(String(reply.headers["content-type"]), /^application\/json/);
      assert.deepEqual([receiver.subject(user), receiver.session(sessionId)], ["live", "live"]);
      assert.equal((await receiver.push(sign(complexExample, "secevent+jwt"))).status, 202);
    });
  }

  it("are asked for again where they could not be carried out, and in another form", async (t) => {
    const receiver = await startReceiver(t, caepSetup);
    receiver.breakDisk(true);
    const pending = await receiver.push(sign(caepExample, "secevent+jwt"));
    assert.deepEqual([pending.status, pending.headers["retry-after"]], [503, "1"]);
    receiver.breakDisk(false);
    assert.equal((await receiver.push(sign(caepExample, "secevent+jwt"))).status, 202);
    const other = await receiver.push(sign(caepExample, "secevent+jwt"), "application/jwt");
    assert.deepEqual([other.status, other.json["err"]], [415, "invalid_request"]);
  });
});

describe("signals of identity providers", () => {
  const issuer = "https://id.example.com";
  const yaml = `
tokens: { issuer: "${issuer}", keys: [ { publicKeyFile: public.pem } ] }
signals:
  backchannelLogout: [ { audience: shop } ]
  transmitters: [ { issuer: "${issuer}", audience: "https://shop/events" } ]`;
  const form = { "content-type": "application/x-www-form-urlencoded" };

  const now = () => Math.floor(Date.now() / 1000);
  const logoutToken = (claims: Claims) =>
    sign(
      {
        ...{ iss: issuer, aud: "shop", iat: now(), exp: now() + 120, jti: `l${Math.random()}` },
        events: { [logoutEvent]: {} },
        ...claims,
      },
      "logout+jwt",
    );
  const logOut = (gate: TestGate, token: string): Promise<Reply> =>
    send(`${gate.adminUrl}/backchannel-logout`, {
      method: "POST",
      headers: form,
      body: `logout_token=${token}`,
    });
  const statusOf = async (gate: TestGate, token: string) =>
    (await send(`${gate.url}/me`, { headers: { token } })).status;

  it("end sessions on every sidecar, and are known to all of them", async (t) => {
    const application = await startApplication(t);
    const redis = await startUsedRedis(t);
    const store = `denylist: { dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 300ms } }`;
    const [one, two] = await Promise.all(
      [0, 1].map(() => startGate(t, { upstream: application.url, yaml: `${yaml}\n${store}` })),
    );
    assert.ok(one && two);
    for (const gate of [one, two]) await untilReady(gate);
    const claims = { iss: issuer, sid: "s-1" };
    const [token, others] = [makeToken(claims), makeToken({ iss: issuer, sub: "bob" })];
    assert.equal(await statusOf(two, token), 200);
    const logout = logoutToken({ sub: "alice", sid: "s-1" });
    assert.equal((await logOut(one, logout)).status, 200);
    for (const gate of [one, two]) {
      assert.deepEqual([await statusOf(gate, token), await statusOf(gate, others)], [401, 200]);
    }
    assert.equal((await logOut(two, logout)).status, 400, "a replay at the other sidecar");
    assert.equal(await statusOf(two, makeToken({ iss: issuer })), 200, "a login afterwards");

    const event = sign(
      {
        ...{ iss: issuer, aud: "https://shop/events", iat: now(), jti: "e1" },
        sub_id: { format: "iss_sub", iss: issuer, sub: "bob" },
        events: { [`${risc}/account-disabled`]: {} },
      },
      "secevent+jwt",
    );
    const headers = { "content-type": "application/secevent+jwt" };
    const pushed = await send(`${two.adminUrl}/events`, { method: "POST", headers, body: event });
    assert.equal(pushed.status, 202);
    assert.equal(await statusOf(one, others), 401);
    const { text } = await send(`${one.adminUrl}/metrics`);
    assert.match(text, /^revgate_signals_total\{result="revoked"\} 1$/m);
    assert.match(text, /^revgate_revocations_total\{trigger="signal",kind="sub"\} 1$/m);
    assert.match(one.logged(), /"audit":\{"action":"POST \/backchannel-logout","status":200/);
    assert.ok(!one.logged().includes(logout.slice(-40)), "no token is logged");
  });

  it("let nobody in", async (t) => {
    const gate = await startGate(t, { upstream: (await startApplication(t)).url, yaml });
    const event = { iss: issuer, events: { [logoutEvent]: {} } };
    assert.equal(await statusOf(gate, makeToken({ iss: issuer })), 200);
    assert.equal(await statusOf(gate, makeToken(event)), 401);
    assert.equal(await statusOf(gate, logoutToken({ sub: "alice" })), 401);
  });

  it("are not there unless they are configured", async (t) => {
    const gate = await startGate(t, { upstream: (await startApplication(t)).url });
    for (const path of ["/backchannel-logout", "/events"]) {
      assert.equal((await send(`${gate.adminUrl}${path}`, { method: "POST" })).status, 405);
    }
  });

  it("may come from a transmitter with keys of its own, which are fetched", async (t) => {
    const jwk = stranger.publicKey.export({ format: "jwk" });
    let fetches = 0;
    const sets = createServer((_request, response) => {
      fetches += 1;
      response.end(JSON.stringify({ keys: [{ ...jwk, kid: "k1", alg: "RS256", use: "sig" }] }));
    });
    const port = await listenOnLoopback(t, sets);
    const gate = await startGate(t, {
      upstream: (await startApplication(t)).url,
      yaml: `
tokens: { keys: [ { publicKeyFile: public.pem } ], jwks: { coolDown: 100ms } }
signals:
  transmitters:
    - { issuer: "https://signals", audience: shop, keys: [ { jwksUrl: "http://127.0.0.1:${port}/" } ] }`,
    });
    const token = makeToken({ sub: "carol" });
    const claims = {
      ...{ iss: "https://signals", aud: "shop", iat: now(), jti: "e1" },
      sub_id: { format: "opaque", id: "carol" },
      events: { [sessionRevoked]: {} },
    };
    const headers = { "content-type": "application/secevent+jwt" };
    const push = async (kid: string, key = stranger.privateKey) => {
      const body = sign(claims, "secevent+jwt", { key, kid });
      return send(`${gate.adminUrl}/events`, { method: "POST", headers, body });
    };
    assert.equal((await push("k1")).status, 202);
    assert.equal(await statusOf(gate, token), 401);
    assert.equal((await push("k2")).json["err"], "invalid_key");
    // A forged one has no key fetched that is there, however long ago that was.
    await sleep(150);
    const before = fetches;
    assert.equal((await push("k1", keyPair.privateKey)).json["err"], "authentication_failed");
    assert.equal(fetches, before);
    sets.closeAllConnections();
    sets.close();
    await once(sets, "close");
  });
});
