import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { exampleRoutes } from "../helpers/gate.ts";
import { type Reply, send } from "../helpers/http.ts";
import {
  type BuiltGate,
  shippedProgram,
  startBuiltGate,
  startExample,
} from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

const cleanups: (() => unknown)[] = [];
const suite = { after: (cleanup: unknown) => void cleanups.push(cleanup as () => unknown) };
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** The built program, in front of the Flask application that nobody changed, over real sockets. */
function flask(language: "en" | "zh") {
  let gate: BuiltGate;
  let applicationUrl = "";
  before(async () => {
    const directory = temporaryDirectory(suite);
    applicationUrl = await startExample(suite, "flask", directory);
    const config = join(directory, "revgate.yaml");
    writeFileSync(
      config,
      `listen: { host: 127.0.0.1, port: 0 }
admin: { host: 127.0.0.1, port: 0 }
upstream: { url: "${applicationUrl}" }
tokens: { keys: [ { publicKeyFile: public.pem } ] }
denylist: { dataDir: data }
errors: { language: ${language} }
${exampleRoutes}`,
    );
    gate = await startBuiltGate(suite, config, {}, shippedProgram);
  });

  const call = (method: string, path: string, token?: string, json?: unknown): Promise<Reply> =>
    send(`${gate.url}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { token }),
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
  return {
    call,
    direct: (path: string, token: string) =>
      send(`${applicationUrl}${path}`, { headers: { token } }),
    async logIn(user: string, password: string): Promise<string> {
      const reply = await call("POST", "/login", undefined, { user, password });
      assert.equal(reply.status, 200, reply.text);
      return String(reply.json["token"]);
    },
  };
}

describe("in front of the Flask application", () => {
  const { call, logIn, direct } = flask("en");

  it("lets a valid token through, and says no to four kinds of others in English", async () => {
    const token = await logIn("alice", "wonderland");
    assert.equal((await call("GET", "/me", token)).json["user"], "alice");
    await call("POST", "/logout", token);
    const [header, , signature] = token.split(".");
    const payload = Buffer.from('{"sub":"bob","exp":9999999999}').toString("base64url");
    const expired = makeToken({ iat: 1, exp: 2 });
    const expected: [string | undefined, string, string][] = [
      [undefined, "token_missing", "Token is missing."],
      [token, "token_revoked", "Please log in again."],
      [`${header}.${payload}.${signature}`, "token_invalid", "Token is not valid."],
      [expired, "token_expired", "Token has expired."],
    ];
    for (const [sent, error, message] of expected) {
      const reply = await call("GET", "/me", sent);
      assert.equal(reply.status, 401);
      assert.deepEqual(reply.json, { error, message });
      assert.match(reply.headers["content-type"] ?? "", /^application\/json/);
      assert.equal(reply.headers["cache-control"], "no-store");
      assert.match(reply.headers["www-authenticate"] ?? "", /^Bearer/);
    }
  });

  it("ends the token of a logout and nobody else's, not even the same user's other one", async () => {
    const token = await logIn("alice", "wonderland");
    const other = await logIn("alice", "wonderland");
    const bob = await logIn("bob", "builder");
    const reply = await call("POST", "/logout", token);
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.json, { message: "bye" });
    assert.equal((await call("GET", "/orders", token)).json["error"], "token_revoked");
    assert.equal((await call("GET", "/orders", other)).status, 200);
    assert.equal((await call("GET", "/orders", bob)).status, 200);
    // The application itself knows nothing of it.
    assert.equal((await direct("/orders", token)).status, 200);
  });

  it("ends the token of a changed password, unless the application refused the change", async () => {
    const token = await logIn("bob", "builder");
    const wrong = await call("POST", "/change-password", token, { old: "wrong", new: "x" });
    assert.equal(wrong.status, 403);
    assert.equal((await call("GET", "/me", token)).status, 200);
    const right = await call("POST", "/change-password", token, { old: "builder", new: "builder" });
    assert.equal(right.status, 200);
    assert.equal((await call("GET", "/me", token)).json["error"], "token_revoked");
  });

  it("ends the token that a reset carries, and forwards one without a token", async () => {
    const token = await logIn("bob", "builder");
    const reset = { user: "bob", new: "builder" };
    assert.equal((await call("POST", "/reset-password", undefined, reset)).status, 200);
    assert.equal((await call("GET", "/me", token)).status, 200);
    assert.equal((await call("POST", "/reset-password", token, { user: "nobody" })).status, 404);
    assert.equal((await call("GET", "/me", token)).status, 200);
    assert.equal((await call("POST", "/reset-password", token, reset)).status, 200);
    assert.equal((await call("GET", "/me", token)).json["error"], "token_revoked");
  });
});

describe("in front of the Flask application, in Chinese", () => {
  const { call, logIn } = flask("zh");

  it("says no to the same four in Chinese", async () => {
    const token = await logIn("alice", "wonderland");
    await call("POST", "/logout", token);
    const expected: [string | undefined, string, string][] = [
      [undefined, "token_missing", "token缺失!"],
      [token, "token_revoked", "请重新登录!"],
      ["a.b.c", "token_invalid", "token不合法!"],
      [makeToken({ iat: 1, exp: 2 }), "token_expired", "token过期!"],
    ];
    for (const [sent, error, message] of expected) {
      const reply = await call("GET", "/me", sent);
      assert.equal(reply.status, 401);
      assert.deepEqual(reply.json, { error, message });
    }
  });
});
