import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { repository, startProgram } from "../helpers/program.ts";
import { startRedis } from "../helpers/redis.ts";
import type { Ending } from "../helpers/shared.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { answered, call, standings } from "./call.ts";
import { appsPython } from "./install.ts";
import { exampleConfig, startSidecar } from "./sidecars.ts";

const secret = "0123456789abcdef0123456789abcdef0123456789abcdef";
const lives = ["lives", "lives"];
const revoked = ["token_revoked", "token_revoked"];

interface Pair {
  readonly access: string;
  readonly refresh: string;
}

/** The application, and two revgates that share a Redis. */
async function startPair(t: Ending) {
  const file = join(repository, "examples/django-simplejwt/app.py");
  const command = [appsPython, file, join(temporaryDirectory(t), "db.sqlite3")] as const;
  const env = { JWT_SECRET: secret, PORT: "0" };
  const { match } = await startProgram(t, command, env, /listening on (http:\S+)/);
  const redis = await startRedis(t);
  const place = { upstream: match[1] ?? "", secret, redisUrl: redis.url };
  const yaml = exampleConfig("django-simplejwt");
  const urls = await Promise.all([startSidecar(t, yaml, place), startSidecar(t, yaml, place)]);
  const [first = "", second = ""] = urls;
  const logIn = async (url: string, password = "wonderland"): Promise<Pair> => {
    const body = { username: "alice", password };
    const { status, json, text } = await answered(url, "/api/token/", { method: "POST", body });
    assert.equal(status, 200, text);
    return json as unknown as Pair;
  };
  const access = (token: string) => standings(urls, "/api/me/", { token });
  const refreshed = (refresh: string) =>
    standings(urls, "/api/token/refresh/", { method: "POST", body: { refresh } });
  return { first, second, logIn, access, refreshed };
}

describe("Django with simplejwt behind two revgates", () => {
  const endings: (() => unknown)[] = [];
  after(async () => {
    for (const end of endings.reverse()) await end();
  });
  let pair: Awaited<ReturnType<typeof startPair>>;
  before(async () => {
    pair = await startPair({ after: (end) => void endings.push(end) });
  });

  it("logs one device out of two, with all that it was handed, and its stream ends", async () => {
    const { first, second, logIn, access, refreshed } = pair;
    const [phone, laptop] = [await logIn(first), await logIn(second)];
    const body = { refresh: phone.refresh };
    const renewed = await call(second, "/api/token/refresh/", { method: "POST", body });
    const newer = String(renewed.json["access"]);
    const bytes = Buffer.alloc(300_000, "x");
    const upload = { method: "PUT", token: newer, body: bytes };
    assert.equal((await call(first, "/api/file/", upload)).json["size"], bytes.length);
    const file = await call(second, "/api/file/", { token: laptop.access });
    assert.equal(file.text.length, bytes.length);
    const headers = { authorization: `Bearer ${newer}` };
    const stream = await fetch(`${second}/api/events/`, { headers });
    const reader = stream.body?.getReader() ?? assert.fail();
    assert.match(Buffer.from((await reader.read()).value ?? []).toString(), /data: tick/);

    const left = await call(first, "/api/token/blacklist/", { method: "POST", body });
    assert.equal(left.status, 200, left.text);
    for (const token of [phone.access, newer]) assert.deepEqual(await access(token), revoked);
    assert.deepEqual(await refreshed(phone.refresh), revoked);
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
    });
    assert.deepEqual(await access(laptop.access), lives);
    assert.deepEqual(await refreshed(laptop.refresh), lives);
  });

  it("ends the oldest of three logins, all others with a changed password, and no later login", async () => {
    const { first, second, logIn, access, refreshed } = pair;
    const [tv, phone, laptop] = [await logIn(first), await logIn(second), await logIn(first)];
    assert.deepEqual(await access(tv.access), revoked);
    assert.deepEqual(await refreshed(tv.refresh), revoked);
    assert.deepEqual(await access(phone.access), lives);
    const wrong = { method: "PUT", token: laptop.access, body: { old: "guessed", new: "no" } };
    assert.equal((await call(second, "/api/password/", wrong)).status, 403);
    assert.deepEqual(await access(phone.access), lives);
    const right = { ...wrong, body: { old: "wonderland", new: "looking glass" } };
    assert.equal((await call(second, "/api/password/", right)).status, 200);
    assert.deepEqual(await access(phone.access), revoked);
    assert.deepEqual(await refreshed(phone.refresh), revoked);
    assert.deepEqual(await access(laptop.access), lives);
    assert.deepEqual(await refreshed(laptop.refresh), lives);
    assert.deepEqual(await access((await logIn(first, "looking glass")).access), lives);
  });
});
