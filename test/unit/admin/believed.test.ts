import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { send } from "../../../src/admin/answer.ts";
import { createAdminApi } from "../../../src/admin/api.ts";
import type { AdminExchange, Endpoint } from "../../../src/admin/endpoint.ts";
import { createEventWaits } from "../../../src/admin/event-waits.ts";
import { createSignalReceiver } from "../../../src/admin/signal-receiver.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { fixedKeys } from "../../../src/token/keys/key-ring.ts";
import { createNames } from "../../../src/token/names.ts";
import { nextKeyPair } from "../../helpers/key-pairs.ts";
import { keyPair, makeToken } from "../../helpers/tokens.ts";

const stranger = nextKeyPair();

const receiver = createSignalReceiver({
  logouts: [],
  transmitters: [
    {
      ...{ issuer: "https://id", audience: "shop", ends: "subject" },
      keys: fixedKeys([{ key: keyPair.publicKey, kid: undefined, algorithms: ["RS256"] }]),
    },
  ],
  denylist: { lookUp: () => "live", ask: async () => "live", revoke: async () => {} },
  clock: systemClock,
  lifetimes: { clockToleranceSeconds: 5, maxLifetimeSeconds: 86_400 },
  subjectClaimOf: () => "sub",
  seen: { tokens: 0, subject: 0, sid: 0, jti: 0 },
  names: createNames(),
  namespaces: new Map([["https://id", undefined]]),
  requestsPerSecond: 10,
  onRevoked() {},
  onSignal() {},
});

const api = createAdminApi({
  commands: async function* () {
    yield { active: false };
  },
  secret: "the-secret-of-the-admins",
  requestsPerSecond: 10,
});

/** Whether a sender is believed: whether its connection may be kept from others while its request is worked on. */
async function believes(
  endpoint: Endpoint | undefined,
  { headers, body }: { headers: Record<string, string>; body: string },
): Promise<boolean> {
  let believed = false;
  const socket = new EventEmitter();
  const request = Object.assign(Readable.from([Buffer.from(body)]), { headers, socket });
  await endpoint?.answer({
    request: request as never,
    response: {} as never,
    query: new URLSearchParams(),
    peer: "10.0.0.1",
    onBelieved: () => {
      believed = true;
    },
  } satisfies AdminExchange);
  return believed;
}

describe("a sender is believed", () => {
  it("when its event's signature is verified, and not before: a key may have to be fetched", async () => {
    const claims = { iss: "https://id", aud: "shop", jti: "1", exp: undefined, events: {} };
    const header = { typ: "secevent+jwt" };
    const headers = { "content-type": "application/secevent+jwt" };
    const events = receiver.get("POST /events");
    const forged = makeToken(claims, { header, key: stranger.privateKey });
    assert.equal(await believes(events, { headers, body: forged }), false);
    assert.equal(await believes(events, { headers, body: makeToken(claims, { header }) }), true);
  });

  it("when it carries the secret", async () => {
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const ask = (authorization: string) =>
      believes(api.get("POST /introspect"), {
        headers: { ...form, authorization },
        body: "token=x",
      });
    assert.equal(await ask("Bearer wrong-secret-of-the-admins"), false);
    assert.equal(await ask("Bearer the-secret-of-the-admins"), true);
  });
});

describe("events that wait for a key", () => {
  it("give way once there are too many, and their senders are told to come again", async () => {
    const waitsOf = createEventWaits();
    const never = new Promise<void>(() => {});
    const waiting = Array.from({ length: 65 }, () => waitsOf({ peer: "stranger" }).key(never));
    await assert.rejects(waiting[0] ?? never, { status: 503, error: "crowded" });
  });
});

describe("an answer to a sender that has left", () => {
  it("is not made: a timer would keep its request for as long as one may take to read", () => {
    const response = {
      writeHead: () => assert.fail("it was made"),
    };
    const request = { socket: { destroyed: true } };
    send(request as never, response as never, { status: 200 });
  });
});
