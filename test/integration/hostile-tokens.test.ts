import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

const secret = "a-secret-of-the-operator";

/** A revgate that takes long tokens, tells the application of a claim, and answers its operator. */
async function start(t: TestContext): Promise<TestGate> {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "admin-token"), secret);
  const application = await startApplication(t);
  return startGate(t, {
    upstream: application.url,
    directory,
    yaml: `
tokens: { keys: [ { publicKeyFile: public.pem } ], forwardClaims: { roles: x-roles } }
limits: { tokenBytes: 65536, headerBytes: 131072 }
admin: { host: 127.0.0.1, port: 0, tokenFile: admin-token }
`,
  });
}

const encode = (text: string) => Buffer.from(text).toString("base64url");

/** A token with nested lists as a claim, whose signature is another's. */
function forgedWith(depth: number): string {
  const [header, , signature] = makeToken().split(".");
  const exp = Math.floor(Date.now() / 1000) + 60;
  const roles = `${"[".repeat(depth)}${"]".repeat(depth)}`;
  const payload = `{"sub":"alice","iat":${exp - 60},"exp":${exp},"roles":${roles}}`;
  return `${header}.${encode(payload)}.${signature}`;
}

describe("a forged token whose claims are nested thousands deep", () => {
  it("is one that is refused, and no more", async (t) => {
    const gate = await start(t);
    for (const depth of [60, 4400, 20_000]) {
      const reply = await send(`${gate.url}/me`, { headers: { token: forgedWith(depth) } });
      assert.deepEqual([reply.status, reply.json["error"]], [401, "token_invalid"]);
    }
    const right = await send(`${gate.url}/me`, { headers: { token: makeToken({ roles: ["a"] }) } });
    assert.equal(right.status, 200);
  });

  it("is explained to the operator", async (t) => {
    const gate = await start(t);
    const reply = await send(`${gate.adminUrl}/explain`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${secret}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: `token=${forgedWith(20_000)}`,
    });
    assert.equal(reply.status, 200);
    assert.match(reply.text, /"check":"form","verdict":"failed"/);
  });

  it("says nothing in the API that an object could not, either", async (t) => {
    const gate = await start(t);
    const reply = await send(`${gate.adminUrl}/revocations`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      body: `{"subject":${"[".repeat(30_000)}${"]".repeat(30_000)}}`,
    });
    assert.deepEqual([reply.status, reply.json["error"]], [400, "invalid_request"]);
  });
});

describe("a live token in a path", () => {
  it("is in no log line, refused or forwarded", async (t) => {
    const gate = await start(t);
    const token = makeToken();
    for (const headers of [{ token }, {}]) {
      await send(`${gate.url}/-/user/token/${token}`, { method: "DELETE", headers });
    }
    assert.equal(gate.logged().split("/-/user/token/[token]").length - 1, 2);
    assert.ok(!gate.logged().includes(token.slice(0, 40)));
  });
});
