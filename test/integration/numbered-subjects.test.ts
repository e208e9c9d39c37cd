import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import jsonwebtoken from "jsonwebtoken";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { keyPair, makeToken } from "../helpers/tokens.ts";

const secret = "a-secret-of-the-operator";
const shared = "the-shared-secret-of-the-applications-other-tokens";

async function start(t: TestContext, tokens = ""): Promise<TestGate> {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "admin-token"), secret);
  writeFileSync(join(directory, "shared"), shared);
  const application = await startApplication(t, (request, response) => {
    response.end(JSON.stringify({ user: request.headers["x-user"], id: 42 }));
  });
  return startGate(t, {
    upstream: application.url,
    directory,
    yaml: `tokens: { keys: [ { publicKeyFile: public.pem } ]${tokens} }
admin: { host: 127.0.0.1, port: 0, tokenFile: admin-token }
routes:
  - { path: /password, revoke: subject }
  - { path: /reset, access: public, revoke: subject, subjectFrom: { requestJson: /id } }
  - { path: /logout, revoke: token }`,
  });
}

async function statusOf({ url }: TestGate, token: string, path = "/me"): Promise<number> {
  return (await send(`${url}${path}`, { headers: { token } })).status;
}

const post = (url: string, body: string, authorization = "") =>
  send(url, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", authorization },
  });

/** A token whose claims are exactly that text. */
function makeFromText(sub: string, jti: string): string {
  const now = Math.floor(Date.now() / 1000);
  return jsonwebtoken.sign(
    `{"sub":${sub},"iat":${now},"exp":${now + 600},"jti":"${jti}"}`,
    keyPair.privateKey,
    { algorithm: "RS256" },
  );
}

describe("a subject that is a number", () => {
  it("is ended on all devices by a changed password", async (t) => {
    const gate = await start(t);
    const [phone, laptop, written] = [42, 42, "42"].map((sub) => makeToken({ sub }));
    const other = makeToken({ sub: 43 });
    assert.equal(await statusOf(gate, phone ?? "", "/password"), 200);
    assert.equal(await statusOf(gate, laptop ?? ""), 401);
    assert.equal(await statusOf(gate, written ?? ""), 401, '42 and "42" are one');
    assert.equal(await statusOf(gate, other), 200);
  });

  it("is ended by a reset and by the API, as a number and as text", async (t) => {
    const gate = await start(t);
    const endings = [
      () => post(`${gate.url}/reset`, '{"id":7}'),
      () => post(`${gate.adminUrl}/revocations`, '{"subject":7}', `Bearer ${secret}`),
      () => post(`${gate.adminUrl}/revocations`, '{"subject":"7"}', `Bearer ${secret}`),
    ];
    for (const end of endings) {
      const token = makeToken({ sub: 7 });
      assert.equal(await statusOf(gate, token), 200);
      assert.ok([200, 201].includes((await end()).status));
      assert.equal(await statusOf(gate, token), 401);
    }
    const wrong = await post(`${gate.adminUrl}/revocations`, '{"subject":[7]}', `Bearer ${secret}`);
    assert.deepEqual([wrong.status, wrong.json["error"]], [400, "invalid_request"]);
  });

  it("is told apart from its neighbour beyond 2^53", async (t) => {
    const gate = await start(t);
    const [one, next] = [
      makeFromText("9007199254740993", "a"),
      makeFromText("9007199254740992", "b"),
    ];
    const ended = '{"subject":9007199254740993}';
    assert.equal(
      (await post(`${gate.adminUrl}/revocations`, ended, `Bearer ${secret}`)).status,
      201,
    );
    assert.deepEqual([await statusOf(gate, one), await statusOf(gate, next)], [401, 200]);
  });

  it("may stand within other claims, of other names by key and by issuer", async (t) => {
    const keys = `[ { publicKeyFile: public.pem }, { secretFile: shared, subjectClaim: id } ]`;
    const gate = await start(
      t,
      `, algorithms: [RS256, HS256], subjectClaim: /user/id, forwardClaims: { /user/id: x-user }`,
    );
    const nested = makeToken({ sub: undefined, user: { id: 42 } });
    const told = await send(`${gate.url}/me`, { headers: { token: nested } });
    assert.equal(told.json["user"], "42");
    assert.equal(await statusOf(gate, nested, "/password"), 200);
    assert.equal(await statusOf(gate, makeToken({ user: { id: 43 } })), 200);

    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, "shared"), shared);
    const byKey = await startGate(t, {
      upstream: (await startApplication(t)).url,
      directory,
      yaml: `tokens: { keys: ${keys}, algorithms: [RS256, HS256] }
routes: [ { path: /password, revoke: subject } ]`,
    });
    const key = createSecretKey(Buffer.from(shared));
    const of = (claims: object) =>
      makeToken({ sub: undefined, ...claims }, { key, algorithm: "HS256" });
    const [first, second, ofOtherKind] = [of({ id: 42 }), of({ id: 42 }), makeToken({ sub: 42 })];
    assert.equal(await statusOf(byKey, first, "/password"), 200);
    assert.equal(await statusOf(byKey, second), 401);
    assert.equal(await statusOf(byKey, ofOtherKind), 401, "the same subject");
    assert.equal(await statusOf(byKey, makeToken({ sub: 1 })), 200);
  });
});

describe("a token without a usable subject", () => {
  it("is refused on a rule that would end all of its subject's, and only there", async (t) => {
    const gate = await start(t);
    for (const sub of [undefined, null, "", true, 1.5, [42], { id: 42 }]) {
      const token = makeToken({ sub });
      assert.equal(await statusOf(gate, token), 200, JSON.stringify(sub));
      const refused = await send(`${gate.url}/password`, { headers: { token } });
      assert.deepEqual([refused.status, refused.json["error"]], [401, "token_invalid"]);
      assert.equal(await statusOf(gate, token, "/logout"), 200);
      assert.equal(await statusOf(gate, token), 401);
    }
    assert.match(gate.logged(), /subjectClaim names no text or whole number in the token/);
    const { text } = await send(`${gate.adminUrl}/metrics`);
    assert.match(text, /^revgate_tokens_without_subject_total 7$/m);
  });
});

describe("ending what no token carries", () => {
  it("is told to whoever asks for it", async (t) => {
    const gate = await start(t);
    assert.equal(await statusOf(gate, makeToken({ jti: undefined })), 200);
    const end = async (body: string) =>
      (await post(`${gate.adminUrl}/revocations`, body, `Bearer ${secret}`)).json["warning"];
    assert.match(
      String(await end('{"sid":"s"}')),
      /none of the 1 tokens seen .*tokens\.sessionClaim/,
    );
    assert.match(String(await end('{"jti":"j"}')), /carries a jti/);
    assert.equal(await end('{"subject":"alice"}'), undefined);
  });
});
