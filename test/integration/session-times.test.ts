import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { machineClock } from "../helpers/machine-clock.ts";
import { makeToken } from "../helpers/tokens.ts";

const hour = 3600;
const pair = "handsOut: [ { responseJson: /access }, { responseJson: /refresh } ]";
const login = `methods: [POST], access: public, ${pair}, session: begins`;
const yaml = `
routes:
  - { path: /login, ${login} }
  - { path: /limited, ${login}, only: { latest: 3 } }
  - { path: /refresh, methods: [POST], from: [ { header: refresh } ], tokens: opaque, ${pair}, session: continues }
  - { path: /password, methods: [POST], revoke: subject }`;

describe("a session that began while the clock was ahead", () => {
  it("ends with its subject when the clock is right again, and so does a later one", async (t) => {
    const application = await startApplication(t, ({ headers: { user } }, response) => {
      response.setHeader("content-type", "application/json");
      const iat = Math.floor(Date.now() / 1000);
      const access = makeToken({ sub: user, iat, exp: iat + 4 * hour, jti: randomUUID() });
      response.end(JSON.stringify({ access, refresh: randomUUID() }));
    });
    const clock = machineClock();
    const gate = await startGate(t, {
      upstream: application.url,
      yaml,
      stopwatch: clock.stopwatch,
    });
    const post = (path: string, headers: Record<string, string>) =>
      send(`${gate.url}${path}`, { method: "POST", headers });
    const logIn = async (path: string, user: string) => {
      const { json } = await post(path, { user });
      return { access: String(json["access"]), refresh: String(json["refresh"]) };
    };
    const refreshed = async ({ refresh }: { refresh: string }) =>
      (await post("/refresh", { refresh })).status;

    const paths = ["/login", "/limited"];
    const early = await Promise.all(paths.map((path) => logIn(path, path)));
    clock.set(hour);
    const ahead = await Promise.all(paths.map((path) => logIn(path, path)));
    clock.set(0);
    await untilReady(gate);
    const late = await Promise.all(paths.map((path) => logIn(path, path)));
    // The oldest one gives way to a fourth, whatever the clock said when they began.
    const fourth = await logIn("/limited", "/limited");
    assert.deepEqual(await Promise.all(early.map(refreshed)), [200, 401]);
    assert.deepEqual(await Promise.all([...ahead, ...late, fourth].map(refreshed)), [
      ...[200, 200, 200, 200, 200],
    ]);

    const changed = late.map(({ access }) => post("/password", { token: access }));
    assert.deepEqual(
      (await Promise.all(changed)).map(({ status }) => status),
      [200, 200],
    );
    for (const session of [...early, ...ahead, ...late, fourth]) {
      assert.equal(await refreshed(session), 401);
    }
  });
});
