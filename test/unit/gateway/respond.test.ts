import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { refusals, renderBody } from "../../../src/gateway/respond.ts";
import { refusalReasons } from "../../../src/gateway/verdict.ts";

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

  it("speak both languages", () => {
    assert.deepEqual(JSON.parse(renderBody("token_revoked", standard)), {
      error: "token_revoked",
      message: "Please log in again.",
    });
    const chinese = renderBody("token_missing", { ...standard, language: "zh" });
    assert.deepEqual(JSON.parse(chinese), { error: "token_missing", message: "token缺失!" });
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
});
