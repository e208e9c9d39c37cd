import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type TestGate, untilReady } from "../helpers/gate.ts";
import { patience } from "../helpers/redis.ts";
import { startReloading, statusOf } from "../helpers/reloading-gate.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const now = Math.floor(Date.now() / 1000);
const tokenOf = (claims: object) => makeToken({ iat: now - 60, jti: randomUUID(), ...claims });

const yamlOf = (claims: string, denylist = "") => `
tokens: { keys: [ { publicKeyFile: public.pem } ]${claims} }
routes:
  - { path: /password, methods: [PUT], revoke: subject }
  - { path: /logout, methods: [PUT], revoke: session }
denylist: { dataDir: data${denylist} }`;
const [before, after] = ["", ", subjectClaim: uid, sessionClaim: session"];

const put = (gate: TestGate, path: string, token: string) => statusOf(gate, token, ["PUT", path]);

describe("claims that name subjects and sessions, when they change", () => {
  it("leave revoked what was revoked by those of before, by a reload and after a restart", async (t) => {
    const { gate, reload } = await startReloading(t, yamlOf(before));
    const bob = { sub: "1", uid: "2", sid: "a", session: "b" };
    const ann = { sub: "3", uid: "4", sid: "c", session: "d" };
    const [stolen, other] = [tokenOf(bob), tokenOf({ ...ann, sid: "e", session: "f" })];
    assert.equal(await put(gate, "/password", tokenOf(bob)), 200);
    assert.equal(await put(gate, "/logout", tokenOf(ann)), 200);
    const check = async (running: TestGate) => {
      assert.equal(await statusOf(running, stolen), 401);
      assert.equal(await statusOf(running, tokenOf(ann)), 401);
      assert.equal(await statusOf(running, other), 200);
    };
    await reload(yamlOf(after));
    await check(gate);
    await gate.stop();
    const again = await startReloading(t, yamlOf(after), gate.directory);
    await check(again.gate);
    // Another user is called so now: a later login of theirs is not meant.
    const later = makeToken({ sub: "1", uid: "9", iat: now + 100 });
    assert.equal(await statusOf(again.gate, later), 200);
    // And back.
    assert.equal(await put(again.gate, "/password", other), 200);
    await again.reload(yamlOf(before));
    assert.equal(await statusOf(again.gate, other), 401);
  });

  it("are known to all sidecars while some go by the one and some by the other", async (t) => {
    const redis = await startUsedRedis(t);
    const store = `, redis: { url: "${redis.url}", ${patience}, grace: 300ms }`;
    const { gate: first } = await startReloading(t, yamlOf(before, store));
    await untilReady(first);
    const { gate: second } = await startReloading(t, yamlOf(after, store));
    await untilReady(second);
    const bob = { sub: "1", uid: "2" };
    const stolen = tokenOf(bob);
    assert.equal(await statusOf(second, stolen), 200);
    assert.equal(await put(first, "/password", tokenOf(bob)), 200);
    assert.equal(await statusOf(second, stolen), 401);
  });

  it("are not guessed if what was noted of them cannot be read: in the directory, or in Redis", async (t) => {
    const said = /claims.* cannot be read: by which claims .* Delete it if subjectClaim and/;
    const directory = temporaryDirectory(t);
    mkdirSync(join(directory, "data"));
    writeFileSync(join(directory, "data/claims"), "torn");
    await assert.rejects(startReloading(t, yamlOf(before), directory), said);
    const redis = await startUsedRedis(t);
    await redis.client.set("revgate:claims", "something else");
    const { gate } = await startReloading(
      t,
      yamlOf(before, `, redis: { url: "${redis.url}", ${patience} }`),
    );
    await until(() => said.test(gate.logged()));
    assert.equal(await statusOf(gate, tokenOf({ sub: "1" })), 503);
  });
});
