import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";
import express from "express";
import { expressjwt } from "express-jwt";
import { listenOnLoopback } from "../helpers/application.ts";
import { revgate } from "../helpers/command.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { repository, startProgram } from "../helpers/program.ts";
import { patience, startRedis, type TestRedis } from "../helpers/redis.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken, publicPem, spellingsOf } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { blocksOf, inDirectory, type StandIn, sectionOf, walk } from "../helpers/walk.ts";
import { findProgram } from "../tools/programs.ts";
import { searchPython } from "../tools/python.ts";

const page = "docs/migration.md";
const blocks = blocksOf(readFileSync(join(repository, page), "utf8"));
const used = new Set<string>();

/** The one block of the page that this fits; each has to be used by a test. */
function block(pattern: RegExp): string {
  const found = blocks.filter((each) => pattern.test(each));
  assert.equal(found.length, 1, String(pattern));
  const [text = ""] = found;
  used.add(text);
  return text;
}
/** The machine on which somebody types what the page says: its revgate, its Redis, its admin port. */
function programsOf({ directory, adminUrl }: TestGate, redis?: TestRedis) {
  const real = (name: string, more: (args: readonly string[]) => string[]): StandIn => {
    return async (args) => (await promisify(execFile)(findProgram([name]), more(args))).stdout;
  };
  return {
    revgate: inDirectory(directory, (args, input) => revgate(args, { input })),
    "redis-cli": real("redis-cli", (args) => ["-p", String(redis?.port), ...args]),
    curl: real("curl", (args) => [
      "--fail-with-body",
      ...args.map((arg) => arg.replace("http://127.0.0.1:9090", adminUrl)),
    ]),
  };
}

const statusAt = async ({ url }: TestGate, token: string) =>
  (await send(`${url}/me`, { headers: { token } })).status;

/** The application of the page with its own check, as real Flask runs it. */
async function startFlask(t: TestContext, directory: string): Promise<string> {
  const file = join(directory, "app.py");
  const text = `
from flask import Flask, jsonify, request
from werkzeug.serving import make_server
app = Flask(__name__)
${block(/before_request/)}
@app.get("/me")
def me():
    return "ok"
server = make_server("127.0.0.1", 0, app, threaded=True)
print("listening on", server.port, flush=True)
server.serve_forever()
`;
  writeFileSync(file, text);
  const python = searchPython() ?? "python3";
  const command = ["sh", "-c", 'cd "$1" && exec "$2" app.py', "sh", directory, python] as const;
  const { match } = await startProgram(t, [...command], {}, /listening on (\d+)/);
  return `http://127.0.0.1:${match[1]}`;
}

async function startNothing(t: TestContext) {
  const port = await listenOnLoopback(
    t,
    createServer((_request, response) => response.end("ok")),
  );
  return { url: `http://127.0.0.1:${port}` };
}

describe("docs/migration.md", () => {
  after(() => {
    const left = blocks.filter((each) => !used.has(each));
    assert.deepEqual(left, [], "blocks that no test has run");
  });

  describe("from a blacklist of one's own", () => {
    it("takes a text file along: the application's own answer stays, and spellings no longer pass", async (t) => {
      const directory = temporaryDirectory(t);
      const [revoked, live] = [makeToken(), makeToken()];
      const [otherSpelling = ""] = spellingsOf(revoked).filter((each) => each !== revoked);
      const list = `${revoked} 1760000000\nnonsense\n`;
      writeFileSync(join(directory, "token_blacklist.txt"), list);
      const flask = await startFlask(t, directory);
      const old = async (token: string) => send(`${flask}/me`, { headers: { token } });
      assert.equal((await old(live)).status, 200);
      const before = await old(revoked);
      assert.equal(before.status, 401);
      assert.equal((await old(otherSpelling)).status, 200);

      const yaml = "errors: { language: zh }";
      const gate = await startGate(t, { upstream: flask, yaml, directory });
      const commands = block(/import .*--dry-run/).split("\n");
      assert.equal(commands.length, 2);
      const programs = programsOf(gate);
      const said = await walk(t, commands.slice(0, 1), { directory, env: {}, programs });
      assert.match(said, /would import 1, skipped 1/);
      const asked = () => send(`${gate.url}/me`, { headers: { token: revoked } });
      assert.equal(
        (await asked()).json["error"],
        undefined,
        "the application says no, not revgate",
      );
      await walk(t, commands.slice(1), { directory, env: {}, programs });
      // Step 4: without the file the application lets all in, and revgate is the one who refuses.
      writeFileSync(join(directory, "token_blacklist.txt"), "");
      assert.equal((await old(revoked)).status, 200);
      const now = await asked();
      assert.deepEqual([now.status, now.json["message"]], [401, before.json["message"]]);
      assert.equal(await statusAt(gate, otherSpelling), 401);
      assert.equal(await statusAt(gate, live), 200);
    });

    it("takes the keys of a Redis along, while revgate runs there and while it does not", async (t) => {
      const [old, own] = [await startRedis(t), await startUsedRedis(t)];
      const { url: upstream } = await startNothing(t);
      const store = `denylist: { dataDir: data, redis: { url: "${own.url}", ${patience}, grace: 500ms } }`;
      const [here, elsewhere] = [
        await startGate(t, { upstream, yaml: store }),
        await startGate(t, { upstream, yaml: store }),
      ];
      await Promise.all([here, elsewhere].map(untilReady));
      const tokens = [makeToken(), makeToken(), makeToken()] as const;
      const [prefixed, bare, offline] = tokens;
      await old.client.setex(`blacklist:${prefixed}`, 259200, "1");
      await old.client.setex(bare, 259200, "1");
      await old.client.set("counter", "7");
      const { directory } = here;
      const take = () =>
        walk(t, [block(/--scan \| revgate import/)], {
          ...{ directory, env: {} },
          programs: programsOf(here, old),
        });
      assert.match(await take(), /imported 2, skipped 1/);
      for (const token of [prefixed, bare]) assert.equal(await statusAt(elsewhere, token), 401);

      await here.stop();
      await old.client.setex(offline, 259200, "1");
      await take();
      await until(async () => (await statusAt(elsewhere, offline)) === 401);
      const unknown = makeToken();
      await old.client.setex(unknown, 259200, "1");
      await own.kill();
      const config = join(directory, "revgate.yaml");
      const patient = readFileSync(config, "utf8");
      writeFileSync(config, patient.replace("dataDir: data", "dataDir: data, holdTimeout: 1s"));
      await assert.rejects(take(), /redis/i);
      writeFileSync(config, patient);
      await own.start();
      const again = await startGate(t, { upstream, yaml: store, directory });
      await untilReady(again);
      assert.equal(await statusAt(again, unknown), 200);
    });
  });

  describe("from express-jwt with isRevoked", () => {
    const rule = (pattern: RegExp) => {
      const text = sectionOf(page, "From `express-jwt` with `isRevoked`").replaceAll(/\s+/g, " ");
      const [, found] = pattern.exec(text) ?? assert.fail(String(pattern));
      return found ?? "";
    };

    it("takes the revocations along, and the routes", async (t) => {
      const redis = await startRedis(t);
      const app = express();
      const store = {
        exists: (key: string) => redis.client.exists(key),
        set: (key: string, value: number, { EX }: { EX: number }) =>
          redis.client.set(key, value, "EX", EX),
      };
      const run = new Function("app", "expressjwt", "publicKey", "redis", block(/isRevoked:/));
      run(app, expressjwt, publicPem, store);
      let asked = 0;
      app.get("/me", (_request, response) => {
        asked += 1;
        response.end("ok");
      });
      app.use(
        ((_error, _request, response, _next) =>
          void response.status(401).end()) as express.ErrorRequestHandler,
      );
      const upstream = `http://127.0.0.1:${await listenOnLoopback(t, createServer(app))}`;
      const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
      const before = makeToken();
      assert.equal(
        (await send(`${upstream}/logout`, { method: "POST", ...bearer(before) })).status,
        204,
      );
      assert.equal((await send(`${upstream}/me`, bearer(before))).status, 401);

      const directory = temporaryDirectory(t);
      writeFileSync(join(directory, "admin-token"), "a-secret-of-the-admin");
      const yaml = `
tokens: { keys: [ { publicKeyFile: public.pem } ], ${rule(/`tokens\.(from: \[.*?\])`/)} }
${rule(/`(routes: \[.*?\])`/).replace("[", "[ { path: /login, access: public }, { path: /, access: optional },")}
admin: { host: 127.0.0.1, port: 0, tokenFile: admin-token }
`;
      const gate = await startGate(t, { upstream, yaml, directory });
      const walked = { directory, programs: programsOf(gate, redis) };
      const explained = await walk(t, [block(/--explain/)], { ...walked, env: {} });
      for (const line of [/GET \/ .*optional/, /POST \/login .*public/, /POST \/logout .*revoke/])
        assert.match(explained.replaceAll("\n", " "), line);
      await walk(t, [block(/"jti/)], { ...walked, env: { SECRET: "a-secret-of-the-admin" } });
      const reply = await send(`${gate.url}/me`, bearer(before));
      assert.equal(reply.json["error"], "token_revoked");

      // New ones: both know of them as long as both check.
      const later = makeToken();
      assert.equal((await send(`${gate.url}/me`, bearer(later))).status, 200);
      assert.equal(asked, 1);
      await send(`${gate.url}/logout`, { method: "POST", ...bearer(later) });
      assert.equal((await send(`${gate.url}/me`, bearer(later))).json["error"], "token_revoked");
      assert.equal((await send(`${upstream}/me`, bearer(later))).status, 401);
    });
  });

  describe("from KrakenD's revoker", () => {
    it("ends by the API what its claims named, and who logs in again is let in", async (t) => {
      const { url: upstream } = await startNothing(t);
      const directory = temporaryDirectory(t);
      writeFileSync(join(directory, "admin-token"), "a-secret-of-the-admin");
      const yaml = `admin: { host: 127.0.0.1, port: 0, tokenFile: admin-token }`;
      const gate = await startGate(t, { upstream, yaml, directory });
      const table = sectionOf(page, "From KrakenD's revoker");
      const bodies = [...table.matchAll(/`POST \/revocations (\{.*?\})`/g)].map(([, body]) => body);
      const values = { jti: "one", subject: "bob" };
      const tokens = { jti: makeToken({ jti: "one" }), subject: makeToken({ sub: "bob" }) };
      const other = makeToken();
      for (const [index, name] of (["jti", "subject"] as const).entries()) {
        assert.equal(await statusAt(gate, tokens[name]), 200);
        const body = bodies[index]?.replace("…", values[name]);
        const headers = {
          authorization: "Bearer a-secret-of-the-admin",
          "content-type": "application/json",
        };
        const reply = await send(`${gate.adminUrl}/revocations`, {
          method: "POST",
          headers,
          body: body ?? "",
        });
        assert.ok(reply.status < 300, reply.text);
        assert.equal(await statusAt(gate, tokens[name]), 401);
      }
      assert.equal(await statusAt(gate, other), 200);
      // A login behind the cut-off, as soon as its second is another.
      await until(async () => (await statusAt(gate, makeToken({ sub: "bob" }))) === 200);
    });
  });
});
