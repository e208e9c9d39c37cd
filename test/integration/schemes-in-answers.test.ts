import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const yaml = `
routes:
  - { path: /login, methods: [POST], access: public, handsOut: [ { responseJson: /token } ], session: begins }
  - { path: /refresh, methods: [POST], handsOut: [ { responseJson: /token } ], session: continues }
  - { path: /logout, methods: [POST], revoke: session }
  - { path: /password, methods: [PUT], revoke: others, sparing: [ { responseJson: /token } ] }
`;

describe("an application whose answers have the scheme in front of the token", () => {
  it("has its sessions linked, and the token spared that a changed password brings", async (t) => {
    const application = await startApplication(t, (request, response) => {
      const token = `Bearer ${makeToken({ sub: String(request.headers["x-user"]) })}`;
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ success: true, token }));
    });
    const gate = await startGate(t, { upstream: application.url, yaml });
    const ask = (method: string, path: string, user: string, said = "") =>
      send(gate.url + path, {
        method,
        headers: { "x-user": user, ...(said !== "" && { token: said.replace("Bearer ", "") }) },
      });
    const handedOut = async (...asked: Parameters<typeof ask>) =>
      String((await ask(...asked)).json["token"]);
    const status = async (said: string) => (await ask("GET", "/me", "", said)).status;

    const [first, other] = [
      await handedOut("POST", "/login", "alice"),
      await handedOut("POST", "/login", "alice"),
    ];
    const next = await handedOut("POST", "/refresh", "alice", first);
    assert.equal((await ask("POST", "/logout", "alice", next)).status, 200);
    assert.deepEqual(
      [await status(first), await status(next), await status(other)],
      [401, 401, 200],
    );

    const changed = await handedOut("PUT", "/password", "alice", other);
    const stranger = await handedOut("POST", "/login", "bob");
    assert.deepEqual([await status(changed), await status(stranger)], [200, 200]);
  });
});
