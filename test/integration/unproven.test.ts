import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { Agent } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const json = { "content-type": "application/json" };

async function metric({ adminUrl }: TestGate, name: string): Promise<number> {
  const { text } = await send(`${adminUrl}/metrics`);
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

async function statusOf({ url }: TestGate, token: string): Promise<number> {
  return (await send(`${url}/me`, { headers: { token } })).status;
}

const reset = (gate: TestGate, path: string, user: string) =>
  send(`${gate.url}${path}`, { method: "POST", headers: json, body: JSON.stringify({ user }) });

describe("a reset whose answer is lost", () => {
  const rule = (more: string) =>
    `access: public, revoke: subject, subjectFrom: { requestJson: /user${more} } }`;

  async function start(t: TestContext) {
    const application = await startApplication(t, (request, response) => {
      if (request.url?.startsWith("/me")) return void response.end("ok");
      // What anybody can bring about somewhere in most applications.
      request.socket.destroy();
    });
    return startGate(t, {
      upstream: application.url,
      yaml: `routes:
  - { path: /reset, ${rule("")}
  - { path: /trusting, ${rule(", onUnknownOutcome: revoke")}`,
    });
  }

  it("ends nobody's sessions, whomever the request names, and says so", async (t) => {
    const gate = await start(t);
    const victim = makeToken({ sub: "victim" });
    assert.equal((await reset(gate, "/reset", "victim")).status, 502);
    assert.equal(await statusOf(gate, victim), 200);
    assert.equal(await metric(gate, "revgate_subjects_kept_total"), 1);
    assert.match(gate.logged(), /the outcome is unknown and only the request names the subject/);
  });

  it("ends what the request carried, and the subject where that is configured", async (t) => {
    const gate = await start(t);
    const victim = makeToken({ sub: "victim" });
    assert.equal((await reset(gate, "/trusting", "victim")).status, 502);
    assert.equal(await statusOf(gate, victim), 401);
  });
});

describe("an application that answers 200 to the revocation of any text", () => {
  /** Half of it is had by one client. */
  const [perHour, ofOne] = [40, 20];

  async function start(t: TestContext) {
    let asked = 0;
    const application = await startApplication(t, async (request, response) => {
      request.resume();
      await once(request, "end");
      if (request.url !== "/me") asked += 1;
      response.statusCode = request.url === "/refusing" ? 400 : 200;
      response.setHeader("Content-Type", "application/json");
      const pair = { access: makeToken(), refresh: randomUUID() };
      response.end(request.url === "/login" ? JSON.stringify(pair) : "{}");
    });
    const gate = await startGate(t, {
      upstream: application.url,
      yaml: `limits: { unprovenRevocations: ${perHour} }
routes:
  - { path: /oauth/revoke, access: public, from: [ { form: token } ], tokens: opaque, revoke: token }
  - { path: /refusing, access: public, from: [ { form: token } ], tokens: opaque, revoke: token }
  - { path: /reset, access: public, revoke: subject, subjectFrom: { form: token } }
  - { path: /login, access: public, handsOut: [ { responseJson: /access }, { responseJson: /refresh } ], session: begins }
  - { path: /session, access: public, from: [ { form: token } ], tokens: opaque, revoke: session }
  - { path: /logout, revoke: token, alsoRevoke: [ { form: token } ] }`,
    });
    const revoke = (path: string, text: string, token?: string, agent?: Agent) =>
      send(`${gate.url}${path}`, {
        ...{ method: "POST", ...(agent && { agent }) },
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          ...(token !== undefined && { token }),
        },
        body: `token=${text}`,
      });
    return { gate, revoke, asked: () => asked };
  }

  it("makes no more of them than is allowed, and is not asked for more", async (t) => {
    const { gate, revoke, asked } = await start(t);
    const statuses = new Map<number, number>();
    for (let i = 0; i < ofOne + 20; i += 1) {
      const { status } = await revoke("/oauth/revoke", `made-up-${i}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    assert.deepEqual([statuses.get(200), statuses.get(503)], [ofOne, 20]);
    assert.deepEqual([asked(), await metric(gate, "revgate_denylist_entries")], [ofOne, ofOne]);
    assert.equal(await metric(gate, "revgate_unproven_revocations_refused_total"), 20);
    assert.equal(gate.logged().split("limits.unprovenRevocations").length - 1, 1, "logged once");
    // The same for a subject that only the request names.
    assert.equal((await revoke("/reset", "somebody")).status, 503);
    // Whoever has a live token logs out, refresh token included.
    const token = makeToken();
    assert.equal((await revoke("/logout", "refresh", token)).status, 200);
    assert.equal(await statusOf(gate, token), 401);
  });

  it("leaves what others need, whatever one client makes up", async (t) => {
    const { revoke } = await start(t);
    const stranger = new Agent({ localAddress: "127.0.0.2" });
    t.after(() => stranger.destroy());
    const statuses: number[] = [];
    for (let i = 0; i < perHour; i += 1) {
      statuses.push((await revoke("/oauth/revoke", `made-up-${i}`, undefined, stranger)).status);
    }
    assert.equal(statuses.at(-1), 503);
    assert.equal((await revoke("/oauth/revoke", "one")).status, 200);
    assert.equal((await revoke("/reset", "somebody")).status, 200);
  });

  it("keeps no one from ending a session by a token that was handed out in it, and counts none of these", async (t) => {
    const { gate, revoke } = await start(t);
    const logIn = async () =>
      (await revoke("/login", "")).json as { access: string; refresh: string };
    for (let i = 0; i < ofOne; i += 1) await revoke("/oauth/revoke", `made-up-${i}`);
    assert.equal((await revoke("/session", "made-up")).status, 503);
    for (let i = 0; i < 3; i += 1) {
      const { access, refresh } = await logIn();
      assert.equal((await revoke("/session", refresh)).status, 200);
      assert.equal(await statusOf(gate, access), 401);
      // It has been ended: to do it again shows nothing, and each time would be kept.
      assert.equal((await revoke("/session", refresh)).status, 503);
    }
  });

  it("uses up nothing where the application refuses", async (t) => {
    const { gate, revoke } = await start(t);
    for (let i = 0; i < perHour + 20; i += 1) {
      assert.equal((await revoke("/refusing", `made-up-${i}`)).status, 400);
    }
    assert.equal((await revoke("/oauth/revoke", "one")).status, 200);
    assert.equal(await metric(gate, "revgate_denylist_entries"), 1);
  });
});
