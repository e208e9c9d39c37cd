import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import jsonwebtoken from "jsonwebtoken";
import { frameworks } from "../../src/commands/init/frameworks.ts";
import { revgate } from "../helpers/command.ts";
import { startByFile } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { applications, type Call } from "./frameworks/applications.ts";

const secret = "a secret of the application, long enough";

async function initialise(
  t: TestContext,
  framework: string,
  upstream: string,
  keySet?: string,
): Promise<string> {
  const directory = temporaryDirectory(t);
  const [file, secretFile] = [join(directory, "revgate.yaml"), join(directory, "jwt-secret.txt")];
  writeFileSync(secretFile, `${secret}\n`);
  const key = keySet === undefined ? `secret ${secretFile}` : `${upstream}${keySet}`;
  const args = ["--framework", framework, "--key", key, "--upstream", upstream];
  const done = await revgate(["init", ...args, "--output", file]);
  assert.deepEqual([done.code, done.stderr], [0, ""]);
  return file;
}

function call(url: string, { method, path, bearer, body }: Call) {
  const headers = {
    ...(bearer && { authorization: `Bearer ${bearer}` }),
    ...(body && { "content-type": "application/json" }),
  };
  return send(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

describe("revgate init --framework", () => {
  it("knows those that are tried here, and no others", async () => {
    assert.deepEqual(Object.keys(frameworks), Object.keys(applications));
    const done = await revgate(["init", "--framework", "rails", "--output", "/nowhere"]);
    assert.match(done.stderr, /--framework: expected one of flask-jwt-extended, .*got "rails"/);
  });

  for (const [name, application] of Object.entries(applications)) {
    const what = application.isReal ? "protects" : "protects a stand-in for";
    it(`${what} ${name}, without a further edit`, async (t) => {
      const upstream = await application.start(t, secret);
      const file = await initialise(t, name, upstream, application.keySet);
      const { url } = await startByFile(t, file);
      const use = (bearer?: string) =>
        call(url, { method: "GET", path: application.use, ...(bearer && { bearer }) });
      const logIn = async () => {
        const { status, json } = await call(url, application.login);
        assert.equal(status, 200, JSON.stringify(json));
        return json;
      };

      const [phone, laptop] = [await logIn(), await logIn()];
      const [one, other] = [application.token(phone), application.token(laptop)];
      assert.deepEqual([(await use(one)).status, (await use(other)).status], [200, 200]);
      const left = await call(url, application.logout(phone));
      assert.equal(left.status, application.logoutStatus, left.text);
      const after = await use(one);
      assert.deepEqual([after.status, after.json["error"]], [401, "token_revoked"]);
      assert.equal((await use(other)).status, 200);
      const { alsoEnded } = application;
      if (alsoEnded !== undefined) {
        assert.equal((await call(url, alsoEnded(phone))).json["error"], "token_revoked");
        assert.equal((await call(url, alsoEnded(laptop))).status, 200);
      }

      // What must not pass: nobody, a stranger's signature, and no token at all where one is needed.
      const forged = jsonwebtoken.sign({ sub: "alice", id: 1, user_id: 1 }, `${secret}?`, {
        expiresIn: 60,
      });
      assert.equal((await use(forged)).json["error"], "token_invalid");
      const { open, use: path } = application;
      if (name !== "verdaccio") assert.equal((await use()).json["error"], needsToken(path, open));
      if (open !== undefined) {
        const visit = (bearer?: string) =>
          call(url, { method: "GET", path: open, ...(bearer && { bearer }) });
        assert.equal((await visit()).status, 200);
        assert.equal((await visit(one)).json["error"], "token_revoked");
      }
      assert.equal(
        (await call(url, { method: "PUT", path: "/nothing" })).json["error"],
        "token_missing",
      );
    });
  }

  it("writes what the notes of a framework say", async (t) => {
    const file = await initialise(t, "strapi", "http://127.0.0.1:1337");
    assert.match(readFileSync(file, "utf8"), /^# The secret is JWT_SECRET/m);
  });
});

/** Under a rule for visitors the application is asked, and says who may see what. */
function needsToken(path: string, open: string | undefined): string | undefined {
  return open !== undefined && path.startsWith("/api/") ? undefined : "token_missing";
}
