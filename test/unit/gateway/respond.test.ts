import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { preferredLanguage, renderBody, statusOf } from "../../../src/gateway/refusal-body.ts";
import { refusals } from "../../../src/gateway/refusals.ts";
import { type RefusalReason, refusalReasons } from "../../../src/gateway/verdict.ts";

const standard = {
  language: "en",
  messages: {},
  body: '{"error":${error},"message":${message}}',
} as const;

describe("refusals", () => {
  it("carry a challenge on every 401, without an error where no credential came", () => {
    for (const reason of refusalReasons) {
      const refusal: { status: number; challenge?: string } = refusals[reason];
      assert.equal(refusal.challenge !== undefined, refusal.status === 401, reason);
    }
    assert.equal(refusals.token_missing.challenge, "Bearer");
    assert.match(refusals.token_revoked.challenge, /error="invalid_token"/);
  });

  it("speak every language", () => {
    assert.deepEqual(JSON.parse(renderBody("token_revoked", standard)), {
      error: "token_revoked",
      message: "Please log in again.",
    });
    const chinese = renderBody("token_missing", { ...standard, language: "zh" });
    assert.deepEqual(JSON.parse(chinese), { error: "token_missing", message: "token缺失!" });
    const shown = renderBody("token_expired", { ...standard, language: "zh-CN" });
    assert.equal(JSON.parse(shown).message, "登录已过期，请重新登录");
    const guest = renderBody(
      "token_expired",
      { ...standard, language: "zh-CN" },
      { mayOmitToken: true },
    );
    assert.equal(
      JSON.parse(guest).message,
      "登录已过期，请重新登录；也可以退出登录，以访客身份访问",
    );
  });

  it("take other texts and other shapes, with every text safe in JSON", () => {
    const messages = { token_expired: 'say "friend"\n' };
    const body = '{"code":${status},"data":{"why":${error}},"msg":${message}}';
    assert.deepEqual(JSON.parse(renderBody("token_expired", { language: "en", messages, body })), {
      code: 401,
      data: { why: "token_expired" },
      msg: 'say "friend"\n',
    });
  });

  it("have another status where the operator says so, but never one that looks like a logout", () => {
    assert.equal(statusOf("token_revoked", {}), 401);
    assert.equal(statusOf("token_revoked", { status: 200 }), 200);
    assert.equal(statusOf("revocation_pending", { status: 200 }), 503);
    assert.equal(statusOf("revocation_pending", { status: 500 }), 500);
    const status = { token_expired: 419 };
    assert.deepEqual(
      [statusOf("token_expired", { status }), statusOf("token_missing", { status })],
      [419, 401],
    );
  });

  it("have a code and the request's id, in any shape", () => {
    const body = '{"ret":[${code},${status}],"id":${requestId},"data":null}';
    const options = { ...standard, body, status: 200, codes: { token_revoked: "A0230" } };
    const facts = { requestId: 'a"b' };
    const render = (reason: "token_revoked" | "token_missing") =>
      JSON.parse(renderBody(reason, options, facts));
    assert.deepEqual(render("token_revoked"), { ret: ["A0230", 200], id: 'a"b', data: null });
    assert.deepEqual(render("token_missing"), { ret: [401, 200], id: 'a"b', data: null });
  });

  it("take a text for each language, and the built-in one for the other", () => {
    const options = {
      ...standard,
      language: "auto",
      messages: { token_missing: { zh: "没有" }, token_expired: { zh: "旧", "zh-CN": "过期" } },
    } as const;
    const text = (language: "en" | "zh" | "zh-CN", reason: RefusalReason = "token_missing") =>
      JSON.parse(renderBody(reason, options, { language })).message;
    assert.deepEqual([text("zh"), text("en")], ["没有", "Token is missing."]);
    // A text for zh is one for everybody who reads Chinese.
    assert.deepEqual([text("zh-CN"), text("zh-CN", "token_expired")], ["没有", "过期"]);
  });
});

describe("preferredLanguage", () => {
  it("is the one of those there are that the client weighs most", () => {
    const cases: [string | undefined, "en" | "zh" | "zh-CN"][] = [
      [undefined, "en"],
      ["", "en"],
      ["zh", "zh"],
      ["zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"],
      ["zh-cn-x-private", "zh-CN"],
      ["zh-CNX", "zh"],
      ["ZH-hant-TW", "zh"],
      ["en-US,en;q=0.9,zh-CN;q=0.8", "en"],
      ["fr, zh;q=0.2, en;q=0.3", "en"],
      ["fr;q=1, zh;q=0.1", "zh"],
      ["en;q=0, zh;q=0.5", "zh"],
      ["zh;q=0", "en"],
      ["zhx, *", "en"],
      ["zh;q=nonsense, en;q=0.5", "zh"],
      [`${"fr,".repeat(1000)}zh`, "en"],
    ];
    for (const [sent, language] of cases) assert.equal(preferredLanguage(sent), language, sent);
  });
});
