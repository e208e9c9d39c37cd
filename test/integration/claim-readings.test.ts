import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate, untilReady, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";

const now = Math.floor(Date.now() / 1000);
const tokenOf = (claims: object) => makeToken({ iat: now - 60, jti: randomUUID(), ...claims });

const yamlOf = (claims: string, denylist = "") => `
tokens: { keys: [ { publicKeyFile: public.pem } ]${claims} }
routes:
  - { path: /password, methods: [PUT], revoke: subject }
  - { path: /logout, methods: [PUT], revoke: session }
denylist: { dataDir: data${denylist} }`;
const [before, after] = ["", ", subjectClaim: uid, sessionClaim: session"];

async function start(t: TestContext, yaml: string, directory?: string) {
  const { url: upstream } = await startApplication(t);
  const gate = await startGate(t, {
    upstream,
    yaml,
    ...(directory !== undefined && { directory }),
  });
  const reload = (next: string) => gate.reload(() => writeConfig(gate.directory, next, upstream));
  return { gate, reload };
}

const ask = async ({ url }: TestGate, token: string, [method, path] = ["GET", "/me"]) =>
  (await send(`${url}${path}`, { method, headers: { token } })).status;
const put = (gate: TestGate, path: string, token: string) => ask(gate, token, ["PUT", path]);

describe("claims that name subjects and sessions, when they change", () => {
  it("leave revoked what was revoked by those of before, by a reload and after a restart", async (t) => {
    const { gate, reload } = await start(t, yamlOf(before));
    const bob = { sub: "1", uid: "2", sid: "a", session: "b" };
    const ann = { sub: "3", uid: "4", sid: "c", session: "d" };
    const [stolen, other] = [tokenOf(bob), tokenOf({ ...ann, sid: "e", session: "f" })];
    assert.equal(await put(gate, "/password", tokenOf(bob)), 200);
    assert.equal(await put(gate, "/logout", tokenOf(ann)), 200);
    const check = async (running: TestGate) => {
      assert.equal(await ask(running, stolen), 401);
      assert.equal(await ask(running, tokenOf(ann)), 401);
      assert.equal(await ask(running, other), 200);
    };
    await reload(yamlOf(after));
    await check(gate);
    await gate.stop();
    const again = await start(t, yamlOf(after), gate.directory);
    await check(again.gate);
    // Another user is called so now: a later login of theirs is not meant.
    const later = makeToken({ sub: "1", uid: "9", iat: now + 100 });
    assert.equal(await ask(again.gate, later), 200);
    // And back.
    assert.equal(await put(again.gate, "/password", other), 200);
    await again.reload(yamlOf(before));
    assert.equal(await ask(again.gate, other), 401);
  });

  it("are known to all sidecars while some go by the one and some by the other", async (t) => {
    const redis = await startUsedRedis(t);
    const store = `, redis: { url: "${redis.url}", ${patience}, grace: 300ms }`;
    const { gate: first } = await start(t, yamlOf(before, store));
    await untilReady(first);
    const { gate: second } = await start(t, yamlOf(after, store));
    await untilReady(second);
    const bob = { sub: "1", uid: "2" };
    const stolen = tokenOf(bob);
    assert.equal(await ask(second, stolen), 200);
    assert.equal(await put(first, "/password", tokenOf(bob)), 200);
    assert.equal(await ask(second, stolen), 401);
  });
});
