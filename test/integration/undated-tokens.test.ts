import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const undated = (sub = "alice") =>
  makeToken({ iat: undefined, sub, exp: Math.floor(Date.now() / 1000) + 600 });

/** An application that hands out the pair that it is told, behind a revgate. */
async function start(t: TestContext, more: string) {
  const application = await startApplication(t, (request, response) => {
    const [access, refresh] = String(request.headers["x-pair"] ?? " ").split(" ");
    request.resume();
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ access, refresh }));
  });
  const yaml = `
routes:
  - { path: /login, methods: [POST], access: public, handsOut: [ { responseJson: /access }, { responseJson: /refresh } ], session: begins }
  - { path: /refresh, methods: [POST], from: [ { header: token } ], tokens: opaque }
  - { path: /logout, methods: [POST], revoke: session }
${more}`;
  const gate = await startGate(t, { upstream: application.url, yaml });
  return async (path: string, token: string, pair?: string) => {
    const headers = { token, ...(pair !== undefined && { "x-pair": pair }) };
    const method = path === "/me" ? "GET" : "POST";
    const { status, json } = await send(`${gate.url}${path}`, { method, headers });
    return status === 200 ? "passes" : json["error"];
  };
}

describe("a token without iat", () => {
  it("passes if only tokens and sessions end, and ends with the session that it was handed out in", async (t) => {
    const ask = await start(t, "");
    const [access, refresh, other] = [undated(), undated("also"), undated("bob")];
    assert.equal(await ask("/login", "", `${access} ${refresh}`), "passes");
    for (const token of [access, refresh, other]) assert.equal(await ask("/me", token), "passes");
    assert.equal(await ask("/logout", access), "passes");
    for (const token of [access, refresh]) assert.equal(await ask("/me", token), "token_revoked");
    assert.equal(await ask("/me", other), "passes");
  });

  it("is refused, linked or not, if subjects end; but passes as an opaque one, and ends as that", async (t) => {
    const ask = await start(t, "  - { path: /password, methods: [POST], revoke: subject }");
    const [access, refresh] = [makeToken(), undated()];
    assert.equal(await ask("/login", "", `${access} ${refresh}`), "passes");
    assert.equal(await ask("/me", refresh), "token_invalid");
    assert.equal(await ask("/me", undated("bob")), "token_invalid");
    assert.equal(await ask("/refresh", refresh), "passes");
    assert.equal(await ask("/password", access), "passes");
    assert.equal(await ask("/refresh", refresh), "token_revoked");
    assert.equal(await ask("/refresh", undated("bob")), "passes");
  });
});
