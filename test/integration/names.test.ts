import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { crc32 } from "node:zlib";
import { startApplication } from "../helpers/application.ts";
import { type GateOptions, startGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { patience } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const tokens = `
tokens:
  keys: [ { publicKeyFile: public.pem } ]
  issuer: https://main
  issuers: [ { issuer: https://other, keys: [ { publicKeyFile: public.pem } ] } ]
routes:
  - { path: /logout, methods: [POST], revoke: token }
  - { path: /password, methods: [PUT], revoke: subject }`;

/** As revgate 0.1 named it. */
const formerName = (text: string) => createHash("sha256").update(text).digest("base64url");

const [now, main, other] = [Math.floor(Date.now() / 1000), "https://main", "https://other"];
const soon = now + 100_000;
const token = (iss: string, sub: string, more = {}) =>
  makeToken({ iss, sub, iat: now - 60, ...more });

/** Starts a sidecar; `denylist` is further YAML of that group. */
async function start(t: TestContext, denylist = "", options: Partial<GateOptions> = {}) {
  const application = await startApplication(t, (_request, response) => response.end("ok"));
  const yaml = `${tokens}\ndenylist: { dataDir: data, ${denylist} }`;
  const gate = await startGate(t, { upstream: application.url, yaml, ...options });
  const ask = async (path: string, method: string, credential: string) =>
    (await send(`${gate.url}${path}`, { method, headers: { token: credential } })).status;
  return {
    ...gate,
    statusOf: (credential: string) => ask("/me", "GET", credential),
    isLive: async (credential: string) => (await ask("/me", "GET", credential)) === 200,
    changePassword: (credential: string) => ask("/password", "PUT", credential),
    logOut: (credential: string) => ask("/logout", "POST", credential),
  };
}

/** A data directory with a journal as revgate 0.1 has written it. */
function formerJournal(directory: string, records: readonly string[]): string {
  const lineOf = (text: string) => `${crc32(text).toString(16).padStart(8, "0")} ${text}\n`;
  mkdirSync(join(directory, "data"), { recursive: true });
  writeFileSync(
    join(directory, "data/journal"),
    `revgate-journal 1\n${records.map(lineOf).join("")}`,
  );
  return directory;
}

describe("subjects of different issuers", () => {
  it("are different ones, whatever they are called", async (t) => {
    const gate = await start(t);
    const alice = token(other, "alice");
    const called = JSON.stringify([other, "alice"]);
    const users = [called, JSON.stringify(["sub", other, "alice"])];
    const changed = await Promise.all(users.map((user) => gate.changePassword(token(main, user))));
    assert.deepEqual(changed, [200, 200]);
    assert.equal(await gate.isLive(alice), true);
    assert.equal(await gate.isLive(token(main, called)), false);
    assert.equal(await gate.changePassword(alice), 200);
    assert.equal(await gate.isLive(token(other, "alice")), false);
    assert.equal(await gate.isLive(token(main, "alice")), true);
  });
});

describe("what revgate 0.1 has revoked", () => {
  const revoked = [
    `sub ${formerName("alice")} ${soon} ${now}`,
    `sub ${formerName(JSON.stringify([other, "bob"]))} ${soon} ${now}`,
    `sid ${formerName("session")} ${soon}`,
    `jti ${formerName(JSON.stringify([other, "one"]))} ${soon}`,
  ];
  const dead = [
    token(main, "alice"),
    token(other, "bob"),
    token(main, "carol", { sid: "session" }),
    token(other, "carol", { jti: "one" }),
  ];
  const live = [token(other, "alice"), token(main, "bob"), token(main, "carol", { jti: "one" })];

  it("stays revoked by its journal", async (t) => {
    const records = revoked.map((entry) => `revoked ${entry}`);
    const directory = formerJournal(temporaryDirectory(t), records);
    const gate = await start(t, "", { directory });
    for (const each of dead) assert.equal(await gate.isLive(each), false);
    for (const each of live) assert.equal(await gate.isLive(each), true);
  });

  it("stays revoked by Redis, and what is revoked now is known to sidecars of that version", async (t) => {
    const redis = await startUsedRedis(t);
    for (const entry of revoked) {
      const [kind, name, ...value] = entry.split(" ");
      await redis.client.set(`revgate:${kind}:${name}`, value.join(" "), "EX", 100_000);
    }
    const store = `redis: { url: "${redis.url}", ${patience}, grace: 300ms }`;
    const gate = await start(t, store);
    await untilReady(gate);
    for (const each of dead) assert.equal(await gate.isLive(each), false);
    for (const each of live) assert.equal(await gate.isLive(each), true);

    const changes = [main, other].map((issuer) => gate.changePassword(token(issuer, "dave")));
    assert.deepEqual(await Promise.all(changes), [200, 200]);
    for (const name of ["dave", JSON.stringify([other, "dave"])]) {
      assert.equal(await redis.client.exists(`revgate:sub:${formerName(name)}`), 1, name);
    }
    // Its feed, and its journal, too.
    const lines = JSON.stringify(await redis.client.xrange("revgate:feed", "-", "+"));
    assert.ok(lines.includes(`sub ${formerName("dave")} `));
    assert.ok(
      readFileSync(join(gate.directory, "data/journal"), "latin1").includes(formerName("dave")),
    );
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(text, /^revgate_revocations_total\{trigger="route",kind="sub"\} 2$/m);
  });

  it("is of no more account once former names have been given up, which can't be done too soon", async (t) => {
    const directory = formerJournal(temporaryDirectory(t), [`revoked ${revoked[0]}`]);
    // Its names are of the form that was given up, and of no other.
    await assert.rejects(start(t, "formerNames: false", { directory }), { code: "names_differ" });
    const between = await start(t, "", { directory });
    assert.equal(await between.isLive(token(main, "alice")), false);
    await between.stop();
    const gate = await start(t, "formerNames: false", { directory });
    assert.equal(await gate.isLive(token(main, "alice")), true);
    assert.equal(await gate.changePassword(token(main, "dave")), 200);
    const journal = readFileSync(join(directory, "data/journal"), "latin1");
    assert.ok(!journal.includes(formerName("dave")));
  });
});

describe("denylist.nameKeyFile", () => {
  const key = randomBytes(32).toString("base64");
  const keyIn = (directory: string, name: string, text: string) =>
    writeFileSync(join(directory, name), `${text}\n`);

  it("leaves nothing in journal or Redis that can be guessed", async (t) => {
    const directory = temporaryDirectory(t);
    keyIn(directory, "name-key", key);
    const redis = await startUsedRedis(t);
    const gate = await start(
      t,
      `nameKeyFile: name-key, formerNames: false, redis: { url: "${redis.url}", ${patience}, grace: 300ms }`,
      { directory },
    );
    await untilReady(gate);
    const [phone, laptop] = [token(main, "alice"), token(main, "alice")];
    assert.equal(await gate.logOut(phone), 200);
    assert.equal(await gate.changePassword(laptop), 200);
    assert.equal(await gate.isLive(phone), false);
    assert.equal(await gate.isLive(token(main, "alice")), false);

    const signed = (credential: string) => credential.slice(0, credential.lastIndexOf("."));
    const guesses = [
      signed(phone),
      signed(laptop),
      "alice",
      JSON.stringify(["sub", null, "alice"]),
    ];
    const journal = readFileSync(join(directory, "data/journal"), "latin1");
    const keys = (await redis.client.keys("*")).join("\n");
    assert.match(keys, /revgate:tok:/);
    for (const name of guesses.map(formerName)) {
      assert.ok(!journal.includes(name));
      assert.ok(!keys.includes(name));
    }
  });

  it("takes the place of names without a key, and of another key, with nothing forgotten", async (t) => {
    const directory = temporaryDirectory(t);
    keyIn(directory, "name-key", key);
    keyIn(directory, "next-key", randomBytes(32).toString("base64"));
    const steps = [
      "formerNames: false",
      "nameKeyFile: name-key",
      "nameKeyFile: name-key, formerNames: false",
      "nameKeyFile: next-key, formerNameKeyFile: name-key, formerNames: false",
    ];
    const dead: string[] = [];
    for (const [index, step] of steps.entries()) {
      const gate = await start(t, step, { directory });
      // What the step before revoked: two names in common are not needed, one is.
      for (const each of dead.slice(-2)) assert.equal(await gate.isLive(each), false, step);
      const [one, two] = [token(main, `user${index}`), token(other, `user${index}`)];
      assert.equal(await gate.changePassword(one), 200);
      assert.equal(await gate.logOut(two), 200);
      dead.push(token(main, `user${index}`), two);
      await gate.stop();
    }
  });

  it("keeps a sidecar with another key, or with none, from being ready and from clearing any token", async (t) => {
    const redis = await startUsedRedis(t);
    const store = `formerNames: false, redis: { url: "${redis.url}", ${patience}, grace: 300ms }`;
    const startWith = async (setting: string, text: string) => {
      const directory = temporaryDirectory(t);
      keyIn(directory, "name-key", text);
      return start(t, `${setting}${store}`, { directory });
    };
    const right = await startWith("nameKeyFile: name-key, ", key);
    await untilReady(right);
    const dead = token(main, "alice");
    assert.equal(await right.logOut(dead), 200);

    const another = randomBytes(32).toString("base64");
    for (const wrong of [
      await startWith("nameKeyFile: name-key, ", another),
      await startWith("", key),
    ]) {
      const unready = async () => (await send(`${wrong.adminUrl}/readyz`)).text;
      await until(async () => /names of other forms/.test(await unready()));
      assert.match(await unready(), /hmac-sha256:[\w-]{16}/);
      assert.equal(await wrong.isLive(dead), false);
      assert.equal(await wrong.statusOf(token(main, "bob")), 503);
      assert.equal(await wrong.logOut(token(main, "bob")), 503);
      await wrong.stop();
    }
    assert.equal(await right.isLive(token(main, "carol")), true);
    // Whatever somebody writes there: who is there already puts it right.
    await redis.client.set("revgate:names", Buffer.from([0xff, 0x0a]));
    const late = await startWith("nameKeyFile: name-key, ", key);
    await untilReady(late);
    assert.match((await redis.client.get("revgate:names")) ?? "", /^hmac-sha256:[\w-]{16}$/);
    assert.equal(await late.isLive(dead), false);
  });

  it("does not start on a journal with names of another key", async (t) => {
    const directory = temporaryDirectory(t);
    keyIn(directory, "name-key", key);
    const setting = "nameKeyFile: name-key, formerNames: false";
    const gate = await start(t, setting, { directory });
    await gate.stop();
    for (const [others, text] of [
      ["formerNames: false", key],
      [setting, randomBytes(32).toString("base64")],
    ] as const) {
      keyIn(directory, "name-key", text);
      await assert.rejects(start(t, others, { directory }), {
        code: "names_differ",
        message: /data.journal has names of other forms \(hmac-sha256:.*nameKeyFile/,
      });
    }
  });

  it("is a secret of 32 bytes or more", async (t) => {
    const directory = temporaryDirectory(t);
    keyIn(directory, "name-key", "too short");
    await assert.rejects(
      start(t, "nameKeyFile: name-key", { directory }),
      /expected 32 bytes or more/,
    );
    keyIn(directory, "name-key", key);
    const twice = "nameKeyFile: name-key, formerNameKeyFile: name-key";
    await assert.rejects(start(t, twice, { directory }), /expected a key that differs/);
  });
});
