import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

async function start(t: TestContext, yaml: string) {
  const application = await startApplication(t, (_, response) => void response.end());
  const gate = await startGate(t, { upstream: application.url, yaml });
  return (path: string, headers: Record<string, string> = {}) =>
    send(`${gate.url}${path}`, { headers });
}

describe("refusals", () => {
  it("have a status for each error, and the other errors their own", async (t) => {
    const get = await start(
      t,
      `errors:
  status: { token_expired: 419, token_missing: 200 }
  body: '{"status":\${status},"code":\${code},"error":\${error}}'`,
    );
    const expired = await get("/me", { token: makeToken({ iat: 1, exp: 2 }) });
    assert.equal(expired.status, 419);
    assert.deepEqual(expired.json, { status: 419, code: 401, error: "token_expired" });
    assert.equal(expired.headers["www-authenticate"], undefined);
    const missing = await get("/me");
    assert.equal(missing.status, 200);
    assert.deepEqual(missing.json, { status: 200, code: 401, error: "token_missing" });
    const invalid = await get("/me", { token: "a.b.c" });
    assert.equal(invalid.status, 401);
    assert.deepEqual(invalid.json, { status: 401, code: 401, error: "token_invalid" });
    assert.match(String(invalid.headers["www-authenticate"]), /^Bearer error="invalid_token"/);
  });

  it("speak the client's language in a template, with a route's texts before the general ones", async (t) => {
    const get = await start(
      t,
      `errors:
  language: auto
  body: '{"code":\${code},"msg":\${message}}'
  messages: { token_missing: { en: Please log in., zh: 登录 }, token_invalid: { en: Bad. } }
routes:
  - { path: /admin/*, messages: { token_missing: { zh: 仅限管理员, zh-CN: 请用管理员账号登录 }, token_invalid: Administrators only. } }
  - { path: /desk/*, messages: { token_missing: { zh: 前台 } } }`,
    );
    const cases: [string, string, string | undefined, string][] = [
      ["/admin/users", "zh", undefined, "仅限管理员"],
      ["/admin/users", "zh-CN,zh;q=0.9,en;q=0.8", undefined, "请用管理员账号登录"],
      // A language that the route has no text in.
      ["/admin/users", "en-US", undefined, "Please log in."],
      ["/desk/1", "zh-CN", undefined, "前台"],
      ["/desk/1", "fr", undefined, "Please log in."],
      ["/me", "zh", undefined, "登录"],
      ["/me", "en", undefined, "Please log in."],
      // One text is for every language.
      ["/admin/users", "zh", "a.b.c", "Administrators only."],
      ["/me", "en", "a.b.c", "Bad."],
      ["/me", "zh", "a.b.c", "token不合法!"],
    ];
    for (const [path, language, token, msg] of cases) {
      const sent = { "accept-language": language, ...(token !== undefined && { token }) };
      const { json } = await get(path, sent);
      assert.deepEqual(json, { code: 401, msg }, `${path} ${language}`);
      const problem = await get(path, { ...sent, accept: "application/problem+json" });
      assert.equal(problem.json["detail"], msg, `${path} ${language}`);
    }
  });
});
