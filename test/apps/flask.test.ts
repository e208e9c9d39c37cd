import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { send } from "../helpers/http.ts";
import { freePort } from "../helpers/ports.ts";
import { repository, startProgram } from "../helpers/program.ts";
import { startRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";
import { answered, call, standings } from "./call.ts";
import { appsPython } from "./install.ts";
import { exampleConfig, startSidecar } from "./sidecars.ts";

const secret = "0123456789abcdef0123456789abcdef0123456789abcdef";

interface Pair {
  readonly access: string;
  readonly refresh: string;
}

/** Three workers of the application, and two revgates that share a Redis. */
async function startPair(t: TestContext) {
  const directory = temporaryDirectory(t);
  const port = await freePort();
  const upstream = `http://127.0.0.1:${port}`;
  const folder = join(repository, "examples/flask-jwt-extended");
  const config = join(directory, "gunicorn.py");
  writeFileSync(config, "def when_ready(server):\n    print('ready', flush=True)\n");
  const options = [
    "--config",
    config,
    "--workers",
    "3",
    "--threads",
    "4",
    "--bind",
    `127.0.0.1:${port}`,
  ];
  const { end } = await startProgram(
    t,
    [appsPython, "-m", "gunicorn", ...options, "--chdir", folder, "app:app"],
    { JWT_SECRET: secret, USERS_FILE: join(directory, "users.json"), PYTHONUNBUFFERED: "1" },
    /^ready$/,
  );
  t.after(() => end("SIGTERM"));
  await until(() =>
    call(upstream, "/me").then(
      ({ status }) => status === 401,
      () => false,
    ),
  );
  const redis = await startRedis(t);
  const place = { upstream, secret, redisUrl: redis.url };
  const yaml = exampleConfig("flask-jwt-extended");
  const urls = [await startSidecar(t, yaml, place), await startSidecar(t, yaml, place)];
  const logIn = async (url = urls[0] ?? "", password = "wonderland"): Promise<Pair> => {
    const body = { username: "alice", password };
    const { json, text } = await answered(url, "/login", { method: "POST", body });
    assert.equal(typeof json["access_token"], "string", text);
    return { access: String(json["access_token"]), refresh: String(json["refresh_token"]) };
  };
  /** What both revgates say of a token, on a route of its kind. */
  const both = (token: string, kind: keyof Pair = "access") =>
    kind === "access"
      ? standings(urls, "/me", { token })
      : standings(urls, "/refresh", { method: "POST", token });
  return { urls: urls as [string, string], logIn, both };
}

const lives = ["lives", "lives"];
const revoked = ["token_revoked", "token_revoked"];

describe("Flask with flask-jwt-extended behind two revgates", () => {
  it("logs one device out of two, with all that it was handed, and its stream ends", async (t) => {
    const { urls, logIn, both } = await startPair(t);
    const [first, second] = urls;
    const [phone, laptop] = [await logIn(first), await logIn(second)];
    assert.equal((await call(second, "/me", { token: phone.access })).json["id"], 1);
    const file = { method: "POST", token: phone.access, body: { data: "x".repeat(100_000) } };
    assert.equal((await call(first, "/files", file)).status, 201);
    assert.equal((await call(second, "/files", { token: laptop.access })).text.length, 300_000);
    const renewed = await call(second, "/refresh", { method: "POST", token: phone.refresh });
    const newer = String(renewed.json["access_token"]);
    const stream = await fetch(`${second}/events`, {
      headers: { authorization: `Bearer ${newer}` },
    });
    const reader = stream.body?.getReader() ?? assert.fail();
    assert.match(Buffer.from((await reader.read()).value ?? []).toString(), /data: tick/);

    const left = await call(first, "/logout", { method: "DELETE", token: phone.refresh });
    assert.equal(left.status, 200, left.text);
    for (const token of [phone.access, newer]) assert.deepEqual(await both(token), revoked);
    assert.deepEqual(await both(phone.refresh, "refresh"), revoked);
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
    });
    assert.deepEqual(await both(laptop.access), lives);
    assert.deepEqual(await both(laptop.refresh, "refresh"), lives);
  });

  it("ends all other devices with a changed password, and no later login", async (t) => {
    const { urls, logIn, both } = await startPair(t);
    const [first, second] = urls;
    const [phone, laptop] = [await logIn(first), await logIn(second)];
    const wrong = { method: "PUT", token: laptop.access, body: { old: "guessed", new: "no" } };
    assert.equal((await call(second, "/password", wrong)).status, 403);
    assert.deepEqual(await both(phone.access), lives);
    const right = { ...wrong, body: { old: "wonderland", new: "looking glass" } };
    assert.equal((await call(second, "/password", right)).status, 200);
    assert.deepEqual(await both(phone.access), revoked);
    assert.deepEqual(await both(phone.refresh, "refresh"), revoked);
    assert.deepEqual(await both(laptop.access), lives);
    assert.deepEqual(await both(laptop.refresh, "refresh"), lives);
    assert.deepEqual(await both((await logIn(first, "looking glass")).access), lives);
  });
});

describe("Flask that answers 200 to everything, behind a revgate", () => {
  it("ends a token that its logout has taken back, and no other", async (t) => {
    const directory = temporaryDirectory(t);
    const { match } = await startProgram(
      t,
      [appsPython, join(repository, "examples/flask-codes/app.py")],
      { JWT_SECRET: secret, PORT: "0", BLACKLIST_FILE: join(directory, "token_blacklist.txt") },
      /listening on (http:\S+)/,
    );
    const place = { upstream: match[1] ?? "", secret };
    const url = await startSidecar(t, exampleConfig("flask-codes"), place);
    const post = (path: string, body: object, token?: string) =>
      send(`${url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(token !== undefined && { token }) },
        body: JSON.stringify(body),
      });
    const logIn = async () => {
      const { json } = await post("/login", { username: "alice", password: "wonderland" });
      return String((json["data"] as { readonly token: string }).token);
    };
    const use = async (token: string) => {
      const { status, json } = await send(`${url}/user`, { headers: { token } });
      return [status, json["code"]];
    };

    const [phone, laptop] = [await logIn(), await logIn()];
    assert.deepEqual(
      [await use(phone), await use(laptop)],
      [
        [200, 0],
        [200, 0],
      ],
    );
    assert.equal((await post("/logout", { confirm: false }, phone)).json["code"], 40000);
    assert.deepEqual(await use(phone), [200, 0]);
    assert.equal((await post("/logout", {}, phone)).json["code"], 0);
    assert.deepEqual(
      [await use(phone), await use(laptop)],
      [
        [200, 40103],
        [200, 0],
      ],
    );
    assert.deepEqual(await use(`${laptop.slice(0, -4)}AAAA`), [200, 40101]);
  });
});
