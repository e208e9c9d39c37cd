import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { type Reply, send } from "../helpers/http.ts";
import { makeKey, sign, startIssuer } from "../helpers/issuer.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

const iss = "https://id";
const secret = "a-secret-of-the-admins";
const logout = { "http://schemas.openid.net/event/backchannel-logout": {} };
const revoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/** Made once: that takes longer than most of what is tried with them. */
const [first, next] = [makeKey("first"), makeKey("next")];

/** A sidecar whose issuer publishes one key; requests with unknown keys have it fetched once an hour. */
async function start(t: TestContext) {
  const issuer = await startIssuer(t, first);
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "secret"), secret);
  const gate = await startGate(t, {
    upstream: (await startApplication(t)).url,
    directory,
    yaml: `
tokens: { issuer: "${iss}", keys: [ { jwksUrl: "${issuer.url}" } ], jwks: { coolDown: 1h } }
admin: { host: 127.0.0.1, port: 0, tokenFile: secret }
signals:
  backchannelLogout: [ { audience: shop } ]
  transmitters: [ { issuer: "${iss}", audience: shop } ]`,
  });
  const answered = async (token: string) =>
    (await send(`${gate.url}/me`, { headers: { token } })).status;
  assert.equal(await answered(sign(first, { iss })), 200);
  /** As issuers do: published, then used. */
  const rotate = () => {
    issuer.keys = [first, next];
  };
  return { gate, issuer, rotate, answered };
}

function post({ adminUrl }: TestGate, path: string, body: string, type?: string): Promise<Reply> {
  return send(`${adminUrl}${path}`, {
    method: "POST",
    headers: {
      "content-type": type ?? "application/x-www-form-urlencoded",
      authorization: `Bearer ${secret}`,
    },
    body,
  });
}

let serial = 0;
function another(): string {
  serial += 1;
  return String(serial);
}
const event = (claims: Record<string, unknown>) => ({
  ...{ iss, aud: "shop", jti: another(), ...claims },
});
const logoutClaims = () => event({ sub: "alice", events: logout });
const pushClaims = () =>
  event({
    ...{ sub: undefined, exp: undefined, sub_id: { format: "opaque", id: "alice" } },
    events: { [revoked]: {} },
  });

const logOut = (gate: TestGate, token: string) =>
  post(gate, "/backchannel-logout", `logout_token=${token}`);
const push = (gate: TestGate, token: string) =>
  post(gate, "/events", token, "application/secevent+jwt");

/** Signed with a key that nobody publishes, under another name each time. */
const garbage = (claims: Record<string, unknown>, typ?: string) =>
  makeToken(claims, { header: { kid: another(), ...(typ && { typ }) } });
const pushed = (key: ReturnType<typeof makeKey>) =>
  makeToken(pushClaims(), {
    key: key.privateKey,
    header: { kid: key.kid, typ: "secevent+jwt" },
  });

describe("the first event after its issuer's keys were rotated", () => {
  it("is believed although strangers' requests have had the keys fetched a moment ago", async (t) => {
    const { gate, rotate, answered } = await start(t);
    assert.equal(await answered(garbage({ iss })), 401);
    rotate();
    assert.equal((await logOut(gate, sign(next, logoutClaims()))).status, 200);
  });

  it("is believed although strangers' events have had them fetched, over and over", async (t) => {
    const { gate, issuer, rotate, answered } = await start(t);
    const startedMs = performance.now();
    const before = issuer.fetches;
    const statuses = new Set<number>();
    let stopped = false;
    t.after(() => {
      stopped = true;
    });
    const floods = [
      () => logOut(gate, garbage(logoutClaims())),
      () => push(gate, garbage(pushClaims(), "secevent+jwt")),
    ].map(async (attack) => {
      while (!stopped) statuses.add((await attack()).status);
    });
    while (issuer.fetches < before + 2) await new Promise(setImmediate);
    rotate();
    assert.equal((await push(gate, pushed(next))).status, 202);
    assert.equal((await logOut(gate, sign(next, logoutClaims()))).status, 200);
    const ended = sign(next, { iss, iat: Math.floor(Date.now() / 1000) - 60 });
    assert.equal(await answered(ended), 401);
    stopped = true;
    await Promise.all(floods);
    assert.deepEqual(
      [...statuses].filter((status) => status !== 400 && status !== 429),
      [],
    );
    // However many ask, the issuer is asked once a second.
    const seconds = (performance.now() - startedMs) / 1000;
    const fetches = issuer.fetches - before;
    assert.ok(fetches <= seconds + 2, `${fetches} fetches in ${seconds} s`);
  });

  it("waits for one fetch and no longer where its key is there in none", async (t) => {
    const { gate, issuer } = await start(t);
    const before = issuer.fetches;
    const { status, json } = await push(gate, garbage(pushClaims(), "secevent+jwt"));
    assert.deepEqual([status, json["err"], issuer.fetches - before], [400, "invalid_key", 1]);
  });
});

describe("an operator's command about a token whose key is new", () => {
  it("is carried out although strangers' requests have had the keys fetched a moment ago", async (t) => {
    const { gate, rotate, answered } = await start(t);
    assert.equal(await answered(garbage({ iss })), 401);
    rotate();
    const token = sign(next, { iss });
    assert.equal((await post(gate, "/revoke", `token=${token}`)).status, 200);
    const { json } = await post(gate, "/explain", `token=${token}`);
    assert.match(JSON.stringify(json), /revoked by tok/);
    assert.equal(await answered(token), 401);
  });
});
