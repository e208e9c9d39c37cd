import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { Browser } from "../helpers/browser.ts";
import { untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import {
  type BuiltGate,
  type Program,
  repository,
  shippedProgram,
  startBuiltGate,
  startExampleProgram,
} from "../helpers/program.ts";
import { patience } from "../helpers/redis.ts";
import { startRelay } from "../helpers/relay.ts";
import { type Ending, endWithAll } from "../helpers/shared.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

const example = join(repository, "examples/identity-provider");
const callback = "http://shop.test/callback";
const coolDownMs = 100;

interface Setup {
  readonly issuer: string;
  readonly provider: Program;
  readonly gates: readonly [BuiltGate, BuiltGate];
}

/** The example as its README has it, but for two sidecars that share a Redis. */
async function start(t: Ending): Promise<Setup> {
  // The provider has to know where to say that somebody has logged out before that is there.
  const relay = await startRelay(t);
  const provider = await startExampleProgram(t, "identity-provider/provider.js", {
    SHOP: "http://shop.test",
    BACKCHANNEL: `http://127.0.0.1:${relay.port}/backchannel-logout`,
  });
  const application = await startExampleProgram(t, "identity-provider/application.js", {});
  const redis = await startUsedRedis(t);
  const issuer = provider.url;
  const startGate = () => {
    const directory = temporaryDirectory(t);
    const file = join(directory, "revgate.yaml");
    const text = readFileSync(join(example, "revgate.yaml"), "utf8");
    const alone = /^denylist: .*$/m;
    assert.match(text, alone);
    const shared = `denylist: { dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 300ms } }`;
    // Keys change faster here than anywhere else.
    const hasty = `tokens:\n  jwks: { coolDown: ${coolDownMs}ms }`;
    writeFileSync(file, text.replace(alone, shared).replace("tokens:", hasty));
    const env = { PORT: "0", ADMIN_PORT: "0", ISSUER: issuer, APPLICATION: application.url };
    return startBuiltGate(t, file, env, shippedProgram);
  };
  const gates = await Promise.all([startGate(), startGate()] as const);
  relay.leadTo(Number(new URL(gates[0].adminUrl).port));
  for (const gate of gates) await untilReady(gate);
  return { issuer, provider, gates };
}

/** Logs in by the code flow; resolves to the access token and the ID token. */
async function logIn(issuer: string, browser: Browser, login: string) {
  const query = new URLSearchParams({
    ...{ client_id: "shop", response_type: "code", redirect_uri: callback },
    scope: "openid orders",
  });
  let page = await browser.open(`${issuer}/auth?${query}`);
  if (page.text.includes('value="login"')) {
    page = await browser.submit(page, { login, password: "any" });
  }
  if (!page.url.startsWith(callback)) page = await browser.submit(page, {});
  const code = new URL(page.url).searchParams.get("code");
  assert.ok(code, `${page.url}: ${page.text}`);
  const reply = await send(`${issuer}/token`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from("shop:shop-secret").toString("base64")}`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body: String(
      new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: callback }),
    ),
  });
  assert.equal(reply.status, 200, reply.text);
  return reply.json as { access_token: string; id_token: string };
}

async function logOut(issuer: string, browser: Browser): Promise<void> {
  const page = await browser.open(`${issuer}/session/end`);
  const after = await browser.submit(page, { logout: "yes" });
  assert.equal(after.status, 200, after.text);
}

function call(gate: BuiltGate, token: string) {
  return send(`${gate.url}/me`, { headers: { authorization: `Bearer ${token}` } });
}

async function openSocket(t: TestContext, gate: BuiltGate, token: string): Promise<WebSocket> {
  const headers = { authorization: `Bearer ${token}` };
  const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/`, { headers });
  socket.on("error", () => {});
  t.after(() => socket.terminate());
  const [greeting] = await once(socket, "message");
  assert.match(String(greeting), /^hello /);
  return socket;
}

describe("an identity provider", () => {
  const ending = endWithAll();
  let setup: Promise<Setup> | undefined;
  /** One for both tests: it takes longer to start than they do. */
  const started = () => {
    setup ??= start(ending);
    return setup;
  };

  it("ends a session everywhere when its user logs out there", async (t) => {
    const { issuer, gates } = await started();
    const [one, two] = gates;
    const [phone, laptop, bobs] = [new Browser(), new Browser(), new Browser()];
    const { access_token: token } = await logIn(issuer, phone, "alice");
    const { access_token: other } = await logIn(issuer, laptop, "alice");
    const { access_token: bob } = await logIn(issuer, bobs, "bob");
    for (const gate of gates) {
      assert.deepEqual((await call(gate, token)).json, { user: "alice" });
      assert.deepEqual((await call(gate, bob)).json, { user: "bob" });
    }
    const sockets = await Promise.all([openSocket(t, one, token), openSocket(t, two, token)]);
    const staying = await openSocket(t, two, other);
    const closes = Promise.all(sockets.map((socket) => once(socket, "close")));

    await logOut(issuer, phone);
    for (const gate of gates) {
      const reply = await call(gate, token);
      assert.deepEqual([reply.status, reply.json["error"]], [401, "token_revoked"]);
      assert.equal((await call(gate, other)).status, 200, "the other device stays");
      assert.equal((await call(gate, bob)).status, 200);
    }
    for (const [code, reason] of await closes) {
      assert.equal(`${code} ${reason}`, "4401 token_revoked");
    }
    assert.equal(staying.readyState, WebSocket.OPEN);
    const { access_token: again } = await logIn(issuer, phone, "alice");
    assert.equal((await call(two, again)).status, 200, "a login afterwards");
  });

  it("changes its keys under traffic, and nobody is refused for it", async (t) => {
    const { issuer, provider, gates } = await started();
    const browser = new Browser();
    const tokens = [(await logIn(issuer, browser, "alice")).access_token];
    let calls = 0;
    let isDone = false;
    const traffic = gates.map(async (gate) => {
      while (!isDone) {
        const token = tokens[calls % tokens.length] ?? "";
        const reply = await call(gate, token);
        assert.equal(reply.status, 200, reply.text);
        calls += 1;
        await sleep(2);
      }
    });
    const kids = new Set<unknown>();
    let cooled = sleep(coolDownMs + 1);
    for (let rotation = 0; rotation < 3; rotation += 1) {
      const [rotated] = await Promise.all([
        once(provider.child.stdout ?? assert.fail(), "data"),
        provider.child.kill("SIGHUP"),
      ]);
      assert.match(String(rotated), /signing with/);
      const { access_token: token } = await logIn(issuer, browser, "alice");
      const [header = ""] = token.split(".", 1);
      kids.add(JSON.parse(Buffer.from(header, "base64url").toString()).kid);
      // Its key was published a moment ago: the first that carries it has it fetched, unless keys were
      // fetched for somebody within the cool-down.
      await cooled;
      for (const gate of gates) assert.equal((await call(gate, token)).status, 200);
      cooled = sleep(coolDownMs + 1);
      // The one before is still in use.
      tokens.unshift(token);
      tokens.length = 2;
    }
    isDone = true;
    await Promise.all(traffic);
    assert.equal(kids.size, 3);
    t.diagnostic(`${calls} calls, none refused, over 3 rotations`);
  });
});
