import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../../helpers/application.ts";
import { startGate, type TestGate } from "../../helpers/gate.ts";
import { openRaw, type Reply, send } from "../../helpers/http.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { until } from "../../helpers/until.ts";

const logout = { "http://schemas.openid.net/event/backchannel-logout": {} };

async function start(t: TestContext, requestsPerSecond: number): Promise<TestGate> {
  const application = await startApplication(t);
  const key = "keys: [ { publicKeyFile: public.pem } ]";
  return startGate(t, {
    upstream: application.url,
    yaml: `
tokens: { issuer: "https://one", ${key}, issuers: [ { issuer: "https://two", ${key} } ] }
signals:
  requestsPerSecond: ${requestsPerSecond}
  backchannelLogout: [ { issuer: "https://one", audience: a }, { issuer: "https://two", audience: a } ]
  transmitters: [ { issuer: "https://one", audience: a } ]`,
  });
}

let serial = 0;

/** A logout token of an issuer's, each another. */
function logoutToken(iss: string): string {
  serial += 1;
  return makeToken({ iss, aud: "a", sub: "alice", jti: `e${serial}`, events: logout });
}

function logOut({ adminUrl }: TestGate, token: string): Promise<Reply> {
  return send(`${adminUrl}/backchannel-logout`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: `logout_token=${token}`,
  });
}

function push({ adminUrl }: TestGate, body: string): Promise<Reply> {
  return send(`${adminUrl}/events`, {
    method: "POST",
    headers: { "content-type": "application/secevent+jwt" },
    body,
  });
}

describe("events that are not believed", () => {
  it("use nothing up of an issuer's share, nor of the other path's", async (t) => {
    const gate = await start(t, 200);
    let stopped = false;
    const forged: number[] = [];
    const [head = "", , signature = ""] = logoutToken("https://one").split(".");
    const body = Buffer.from(JSON.stringify({ iss: "https://one", aud: "a" })).toString(
      "base64url",
    );
    const wrong = `${head}.${body}.${signature}`;
    const loops = [() => push(gate, wrong), () => logOut(gate, wrong)].map(async (attack) => {
      while (!stopped) forged.push((await attack()).status);
    });
    // Each waits for the second of its cut-off to end, and takes that long.
    const right = await Promise.all(
      Array.from(
        { length: 20 },
        async () => (await logOut(gate, logoutToken("https://one"))).status,
      ),
    );
    await until(() => forged.includes(429));
    stopped = true;
    await Promise.all(loops);
    assert.deepEqual(new Set(right), new Set([200]));
    assert.ok(forged.every((status) => status === 400 || status === 429));
    const lines = gate.logged().match(/"status":400/g)?.length ?? 0;
    assert.ok(lines < forged.length, `${lines} lines for ${forged.length} events`);
  });
});

describe("bodies that never come", () => {
  it("give way, in few lines of the log, and are no failed events: the next real one is carried out", async (t) => {
    const gate = await start(t, 200);
    const stalled = await Promise.all(
      Array.from({ length: 110 }, () => openRaw(t, gate.adminAddress.port)),
    );
    const head = `POST /backchannel-logout HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\n`;
    for (const { write } of stalled) write(head);
    const metrics = async () => (await send(`${gate.adminUrl}/metrics`)).text;
    const crowded = /^revgate_admin_refused_total\{reason="crowded"\} 46$/m;
    await until(async () => crowded.test(await metrics()));
    assert.equal((await logOut(gate, logoutToken("https://one"))).status, 200);

    assert.match(await metrics(), /^revgate_signals_total\{result="failed"\} 0$/m);
    const lines = gate.logged().match(/"error":"crowded"/g)?.length ?? 0;
    assert.ok(lines > 0 && lines < 46, `${lines} lines`);
    const told = stalled.map(({ received }) => received()).filter((text) => text !== "");
    assert.match(told[0] ?? "", /^HTTP\/1\.1 503 [\s\S]*Retry-After: 1/);
    assert.ok(told.every((text) => /^HTTP\/1\.1 (?:503|429) /.test(text)));
  });
});

describe("forms of many fields", () => {
  it("are refused before they are told apart: an event has one", async (t) => {
    const gate = await start(t, 200);
    const form = (fields: number) => `${"&a".repeat(fields - 1)}&logout_token=`;
    const post = (body: string) =>
      send(`${gate.adminUrl}/backchannel-logout`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body,
      });
    const many = await post(`${form(32)}${logoutToken("https://one")}`);
    assert.equal(many.status, 400);
    assert.equal(many.json?.["error_description"], "expected at most 32 fields");
    assert.equal((await post(`${form(31)}${logoutToken("https://one")}`)).status, 200);
  });

  it("are looked at one after the other: the last is not told apart before the first", async (t) => {
    const gate = await start(t, 200);
    const raws = await Promise.all(
      Array.from({ length: 40 }, () => openRaw(t, gate.adminAddress.port)),
    );
    const order: number[] = [];
    for (const [i, raw] of raws.entries()) raw.socket.once("data", () => order.push(i));
    const body = (i: number) =>
      i === raws.length - 1 ? "logout_token=a&logout_token=b" : `logout_token=${"x".repeat(500)}`;
    for (const [i, raw] of raws.entries()) {
      raw.write(
        `POST /backchannel-logout HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body(i).length}\r\n\r\n${body(i).slice(0, -1)}`,
      );
    }
    assert.equal((await send(`${gate.adminUrl}/healthz`)).status, 200);
    for (const [i, raw] of raws.entries()) raw.write(body(i).slice(-1));
    await until(() => order.length === raws.length);
    assert.ok(order.indexOf(raws.length - 1) > raws.length / 2, order.join());
  });
});

describe("events whose key is being fetched", () => {
  it("keep no place: a probe is answered while more of them wait than the port takes", async (t) => {
    const asked = startApplication(t, () => {});
    const gate = await startGate(t, {
      upstream: "http://127.0.0.1:1",
      yaml: `
admin: { host: 127.0.0.1, port: 0, maxConnections: 8 }
signals: { transmitters: [ { issuer: "https://slow", audience: a, keys: [ { jwksUrl: "${(await asked).url}/keys" } ] } ] }`,
    });
    const claims = { iss: "https://slow", aud: "a", jti: "1", events: {} };
    const header = { typ: "secevent+jwt", kid: "unknown" };
    const waiting: Promise<unknown>[] = [];
    // They come one by one, so that each is waiting when the next comes.
    for (let i = 0; i < 30; i += 1) {
      waiting.push(push(gate, makeToken(claims, { header })).catch(() => undefined));
      assert.equal((await send(`${gate.adminUrl}/healthz`)).status, 200);
    }

    await gate.stop();
    await Promise.all(waiting);
  });
});

describe("events whose keys can't be had", () => {
  it("fill no log for one peer, and tell it nothing of where the keys are", async (t) => {
    const gate = await startGate(t, {
      upstream: "http://127.0.0.1:1",
      yaml: `
admin: { host: 127.0.0.1, port: 0 }
signals: { transmitters: [ { issuer: "https://away", audience: a, keys: [ { jwksUrl: "http://127.0.0.1:1/keys" } ] } ] }`,
    });
    const header = { typ: "secevent+jwt", kid: "unknown" };
    const event = makeToken({ iss: "https://away", aud: "a", jti: "1", events: {} }, { header });
    // They wait for the same attempt to fetch the keys, and are answered at once.
    const replies = await Promise.all(Array.from({ length: 40 }, () => push(gate, event)));
    const before = replies.filter(({ status }) => status === 503);
    assert.ok(before.length >= 10 && before.length < 40, `${before.length} of 40`);
    assert.ok(replies.every(({ status }) => status === 503 || status === 429));
    assert.ok(before.every(({ json }) => json["err"] === "keys_unavailable"));
    assert.ok(before.every(({ text }) => !text.includes("127.0.0.1")));
    const lines = gate.logged().match(/"error":"keys_unavailable"/g)?.length;
    assert.equal(lines, before.length);
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.ok(text.includes(`revgate_admin_refused_total{reason="keys"} ${replies.length}`));
    assert.match(text, /^revgate_signals_total\{result="failed"\} [1-9]\d*$/m);
  });
});

describe("events that are believed", () => {
  it("are limited for each issuer and path by themselves", async (t) => {
    const gate = await start(t, 1);
    const flood = await Promise.all(
      Array.from({ length: 20 }, () => logOut(gate, logoutToken("https://one"))),
    );
    const statuses = new Set(flood.map(({ status }) => status));
    assert.deepEqual(statuses, new Set([200, 429]));
    assert.equal((await logOut(gate, logoutToken("https://two"))).status, 200);
  });
});
