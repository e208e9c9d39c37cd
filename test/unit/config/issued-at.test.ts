import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { requiresIssuedAt } from "../../../src/config/routes.ts";
import { configSchema } from "../../../src/config/schema.ts";

const standard = {
  upstream: { url: "http://127.0.0.1:1" },
  tokens: { keys: [{ publicKeyFile: "public.pem" }], issuer: "https://id.example" },
};
const requires = (more: object) => requiresIssuedAt(configSchema.parse({ ...standard, ...more }));
const rule = (more: object) => ({ routes: [{ path: "/a", methods: ["POST"], ...more }] });
const handsOut = [{ responseJson: "/token" }];

describe("tokens must say when they were issued", () => {
  const reasons: Readonly<Record<string, object>> = {
    "a rule with revoke: subject": rule({ revoke: "subject" }),
    "a rule with revoke: others": rule({ revoke: "others" }),
    "a rule with only": rule({ access: "public", handsOut, only: "latest" }),
    "revgate's own logout of a subject": { logout: { path: "/out", revoke: "subject" } },
    "logout tokens of an identity provider": {
      signals: { backchannelLogout: [{ audience: "shop" }] },
    },
    "security events of a transmitter": {
      signals: { transmitters: [{ issuer: "https://id.example", audience: "shop" }] },
    },
    "an API that ends subjects": { admin: { tokenFile: "secret" } },
    "a Redis through which others could": { denylist: { redis: { url: "redis://127.0.0.1" } } },
  };
  for (const [reason, settings] of Object.entries(reasons)) {
    it(`if there is ${reason}`, () => assert.equal(requires(settings), true));
  }

  it("not if only tokens and their sessions end", () => {
    assert.equal(requires({}), false);
    assert.equal(requires(rule({ revoke: "token" })), false);
    assert.equal(requires(rule({ revoke: "session" })), false);
    const login = { access: "public", handsOut, session: "begins" };
    assert.equal(requires(rule(login)), false);
    assert.equal(requires(rule({ ...login, only: { latest: 3 } })), false);
    assert.equal(requires({ logout: { path: "/out", revoke: "session" } }), false);
  });
});
