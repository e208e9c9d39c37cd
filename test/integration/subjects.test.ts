import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openEmbeddedDenylist } from "../../src/denylist/embedded.ts";
import { logOutWith, statusOf } from "../helpers/again.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

const routes = `
routes:
  - { path: /login, methods: [POST], access: public }
  - { path: /logout, methods: [POST], revoke: token }
  - { path: /password, methods: [PUT], revoke: subject }`;

async function startPair(t: TestContext) {
  const application = await startApplication(t, (request, response) => {
    response.statusCode = request.headers["x-fails"] === undefined ? 200 : 400;
    response.end("ok");
  });
  const redis = await startUsedRedis(t);
  const yaml = `${routes}\ndenylist: { dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 300ms } }`;
  const gates = await Promise.all([
    startGate(t, { upstream: application.url, yaml }),
    startGate(t, { upstream: application.url, yaml }),
  ]);
  for (const gate of gates) await untilReady(gate);
  return gates;
}

describe("revoke: subject", () => {
  it("ends every token of the subject on every sidecar, and nobody else's", async (t) => {
    const gates = await startPair(t);
    const [phone, laptop, bob] = [makeToken(), makeToken(), makeToken({ sub: "bob" })];
    for (const gate of gates) {
      for (const token of [phone, laptop, bob]) assert.equal(await statusOf(gate, token), 200);
    }
    const changed = await send(`${gates[0]?.url}/password`, {
      method: "PUT",
      headers: { token: phone },
    });
    assert.equal(changed.status, 200);
    for (const gate of gates) {
      const of = (token: string) => statusOf(gate, token);
      assert.deepEqual([await of(phone), await of(laptop), await of(bob)], [401, 401, 200]);
      assert.equal(await of(makeToken()), 200, "a login afterwards");
    }
    const { text } = await send(`${gates[0]?.adminUrl}/metrics`);
    assert.match(text, /^revgate_revocations_total\{trigger="route",kind="sub"\} 1$/m);
  });

  it("ends nothing where the application says no", async (t) => {
    const gate = await startGate(t, {
      upstream: (
        await startApplication(t, (_request, response) => {
          response.statusCode = 400;
          response.end();
        })
      ).url,
      yaml: routes,
    });
    const token = makeToken();
    const reply = await send(`${gate.url}/password`, { method: "PUT", headers: { token } });
    assert.equal(reply.status, 400);
    assert.equal(await statusOf(gate, token), 400, "still let through");
  });

  it("locks nobody out who logs in at once, and lets no token of the same second through", async (t) => {
    const gates = await startPair(t);
    const changes = Array.from({ length: 50 }, async (_, i) => {
      // Spread over a second, so that every part of one is tried.
      await sleep(i * 20);
      const gate = gates[i % 2] as (typeof gates)[number];
      const other = gates[(i + 1) % 2] as (typeof gates)[number];
      const sub = `user ${i}`;
      const token = makeToken({ sub });
      const sameSecond = makeToken({ sub });
      await logOutWith(() => send(`${gate.url}/password`, { method: "PUT", headers: { token } }));
      // The token of a login that follows at once; its iat is this second.
      const next = makeToken({ sub });
      return {
        survivors: [await statusOf(gate, sameSecond), await statusOf(other, sameSecond)],
        logins: [await statusOf(gate, next), await statusOf(other, next)],
      };
    });
    for (const { survivors, logins } of await Promise.all(changes)) {
      assert.deepEqual(
        [survivors, logins],
        [
          [401, 401],
          [200, 200],
        ],
      );
    }
  });

  it("counts what was under way at a crash as done at the next start, not when it began", async (t) => {
    const dataDir = temporaryDirectory(t);
    const times = { seconds: 1000.5 };
    const clock = { nowSeconds: () => times.seconds };
    const open = () => openEmbeddedDenylist({ dataDir, clock, onUnknownOutcome: "revoke" });
    const [id, subject] = ["i".repeat(43), "s".repeat(43)];
    const before = await open();
    await before.intend([{ kind: "sub", value: subject, cutoff: 1000, expiresAt: 9000 }]);
    await before.close();
    times.seconds = 1020.5;
    const denylist = await open();
    t.after(() => denylist.close());
    // The old password may have worked until now.
    assert.equal(denylist.lookUp({ id, subject, issuedAt: 1020 }), "revoked");
    assert.equal(denylist.lookUp({ id, subject, issuedAt: 1021 }), "live");
  });

  it("refuses tokens that do not say when they were issued", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url, yaml: routes });
    // (jsonwebtoken adds an iat unless it is told not to.)
    const { keyPair } = await import("../helpers/tokens.ts");
    const { default: jsonwebtoken } = await import("jsonwebtoken");
    const claims = { sub: "alice", exp: Math.floor(Date.now() / 1000) + 100 };
    const token = jsonwebtoken.sign(claims, keyPair.privateKey, {
      algorithm: "RS256",
      noTimestamp: true,
    });
    const reply = await send(`${gate.url}/me`, { headers: { token } });
    assert.deepEqual([reply.status, reply.json["error"]], [401, "token_invalid"]);
  });

  it("takes the subject from the claim that is configured", async (t) => {
    const application = await startApplication(t);
    const yaml = `${routes}\ntokens: { keys: [ { publicKeyFile: public.pem } ], subjectClaim: uid }`;
    const gate = await startGate(t, { upstream: application.url, yaml });
    const [one, two] = [makeToken({ uid: "u1" }), makeToken({ uid: "u2" })];
    const same = makeToken({ uid: "u1", sub: "somebody" });
    await send(`${gate.url}/password`, { method: "PUT", headers: { token: one } });
    assert.deepEqual([await statusOf(gate, same), await statusOf(gate, two)], [401, 200]);
  });
});
