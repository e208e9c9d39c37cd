import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { labelOf } from "../../src/denylist/main-issuer.ts";
import { type TestGate, untilReady } from "../helpers/gate.ts";
import { patience } from "../helpers/redis.ts";
import { startReloading, statusOf } from "../helpers/reloading-gate.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";

const [x, y] = ["https://x", "https://y"];
const now = Math.floor(Date.now() / 1000);
const bobOf = (iss: string) => makeToken({ iss, sub: "bob", iat: now - 60, sid: "1", jti: iss });

/** The configuration with that main issuer and these others. */
function yamlOf(main: string | undefined, others: readonly string[], denylist = ""): string {
  const issuer = main === undefined ? "" : `issuer: ${main}, `;
  const list = others.map((name) => `{ issuer: ${name}, keys: [ { publicKeyFile: public.pem } ] }`);
  return `
tokens: { keys: [ { publicKeyFile: public.pem } ], ${issuer}issuers: [ ${list.join(", ")} ] }
routes: [ { path: /password, methods: [PUT], revoke: subject } ]
denylist: { dataDir: data${denylist} }`;
}

const changePassword = (gate: TestGate, token: string) =>
  statusOf(gate, token, ["PUT", "/password"]);
const notedIn = ({ directory }: TestGate) =>
  readFileSync(join(directory, "data/main-issuer"), "utf8").trimEnd();

describe("a main issuer that changes places with another", () => {
  it("keeps its revocations, and the other's users are not logged out, after a restart too", async (t) => {
    const { gate, reload } = await startReloading(t, yamlOf(x, []));
    assert.equal(await changePassword(gate, bobOf(x)), 200);
    await reload(yamlOf(y, [x]));
    const check = async (running: TestGate) => {
      assert.equal(await statusOf(running, bobOf(x)), 401);
      assert.equal(await statusOf(running, bobOf(y)), 200);
    };
    await check(gate);
    await gate.stop();
    const again = await startReloading(t, yamlOf(y, [x]), gate.directory);
    await check(again.gate);
    assert.equal(notedIn(gate), `main ${labelOf(x)}`);
    // What is revoked from then on stays apart as well.
    assert.equal(await changePassword(again.gate, bobOf(y)), 200);
    await again.reload(yamlOf(x, [y]));
    assert.equal(await statusOf(again.gate, bobOf(y)), 401);
    assert.equal(await statusOf(again.gate, makeToken({ iss: x, sub: "bob" })), 200);
  });

  it("keeps them at sidecars that have rolled out before the others", async (t) => {
    const redis = await startUsedRedis(t);
    const store = `, redis: { url: "${redis.url}", ${patience}, grace: 300ms }`;
    const { gate: before } = await startReloading(t, yamlOf(x, [], store));
    await untilReady(before);
    const { gate: after } = await startReloading(t, yamlOf(y, [x], store));
    await untilReady(after);
    assert.equal(await changePassword(before, bobOf(x)), 200);
    assert.equal(await statusOf(after, bobOf(x)), 401);
    assert.equal(await statusOf(after, bobOf(y)), 200);
    const alice = makeToken({ iss: x, sub: "alice", iat: now - 60 });
    assert.equal(await changePassword(after, alice), 200);
    assert.equal(await statusOf(before, alice), 401);
    assert.equal(notedIn(after), `main ${labelOf(x)}`);
  });
});

describe("a main issuer that had no name", () => {
  it("gets it, and keeps its revocations wherever it stands then", async (t) => {
    const { gate, reload } = await startReloading(t, yamlOf(undefined, []));
    assert.equal(await changePassword(gate, bobOf(x)), 200);
    await reload(yamlOf(x, []));
    assert.equal(await statusOf(gate, bobOf(x)), 401);
    await reload(yamlOf(y, [x]));
    assert.equal(await statusOf(gate, bobOf(x)), 401);
    assert.equal(await statusOf(gate, bobOf(y)), 200);
  });

  it("does not get it together with others: the reload is refused, and so is the start, with the remedy", async (t) => {
    const { gate, reload } = await startReloading(t, yamlOf(undefined, []));
    assert.equal(await changePassword(gate, bobOf(x)), 200);
    await reload(yamlOf(y, [x]));
    assert.match(
      gate.logged(),
      /First set tokens\.issuer alone, to the issuer of the tokens so far/,
    );
    assert.equal(await statusOf(gate, bobOf(x)), 401);
    await gate.stop();
    await assert.rejects(
      startReloading(t, yamlOf(y, [x]), gate.directory),
      /First set tokens\.issuer alone/,
    );
    // What stands there must be what revgate wrote.
    writeFileSync(join(gate.directory, "data/main-issuer"), "x");
    await assert.rejects(
      startReloading(t, yamlOf(x, []), gate.directory),
      /main-issuer cannot be read/,
    );
  });
});
