import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { WebSocket } from "ws";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const claims = "forwardClaims: { sub: X-User-Id, roles: x-roles }";

async function start(t: TestContext, more: string) {
  const application = await startApplication(t);
  const yaml = `tokens: { keys: [ { publicKeyFile: public.pem } ], ${more} }`;
  return { application, gate: await startGate(t, { upstream: application.url, yaml }) };
}

describe("forwardClaims", () => {
  it("tells the application who it is, and lets nobody else say so", async (t) => {
    const { application, gate } = await start(t, claims);
    const token = makeToken({ sub: "zoë", roles: ["user", "a,b"] });
    await send(`${gate.url}/me`, {
      headers: {
        token,
        "X-User-Id": "root",
        "x-user-id": ["root", "admin"],
        x_user_id: "root",
        X_Roles: "admin",
        Connection: "x-user-id",
        "x-other": "stays",
      },
    });
    const [seen] = application.seen;
    assert.equal(seen?.headers["x-user-id"], "zo%C3%AB");
    assert.equal(seen?.headers["x-roles"], "user,a%2Cb");
    assert.equal(seen?.headers["x-other"], "stays");
    const names = seen?.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
    assert.deepEqual(
      names?.filter((name) => /user|roles/.test(name)),
      ["x-user-id", "x-roles"],
    );
  });

  it("vouches for nobody on a public route, nor for claims that a token does not have", async (t) => {
    const { application, gate } = await start(t, claims);
    const spoofed = { "x-user-id": "root", x_roles: "admin" };
    await send(`${gate.url}/login`, {
      method: "POST",
      headers: { token: makeToken(), ...spoofed },
    });
    await send(`${gate.url}/me`, { headers: { token: makeToken({ sub: undefined }), ...spoofed } });
    for (const { headers } of application.seen) {
      assert.deepEqual(
        [headers["x-user-id"], headers["x-roles"], headers["x_roles"]],
        [undefined, undefined, undefined],
      );
    }
  });

  it("holds for WebSocket handshakes", async (t) => {
    const { application, gate } = await start(t, claims);
    let seen: import("node:http").IncomingMessage | undefined;
    application.server.on("upgrade", (request, socket) => {
      seen = request;
      socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    });
    const headers = { token: makeToken(), "x-user-id": "root" };
    const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/`, { headers });
    socket.on("error", () => {});
    await once(socket, "unexpected-response");
    assert.equal(seen?.headers["x-user-id"], "alice");
  });
});

describe("forwardCredential: false", () => {
  it("keeps the token from the application, in a header or among cookies", async (t) => {
    const from = "from: [ { header: token }, { cookie: session } ], forwardCredential: false";
    const { application, gate } = await start(t, from);
    const token = makeToken();
    await send(`${gate.url}/a`, { headers: { token } });
    await send(`${gate.url}/b`, { headers: { cookie: `theme=dark; session=${token}; lang=de` } });
    await send(`${gate.url}/c`, { headers: { cookie: `session=${token}` } });
    assert.deepEqual(
      application.seen.map(({ headers }) => [headers["token"], headers.cookie]),
      [
        [undefined, undefined],
        [undefined, "theme=dark; lang=de"],
        [undefined, undefined],
      ],
    );
    const odd = await start(t, "from: [ { header: X_Auth } ], forwardCredential: false");
    await send(`${odd.gate.url}/d`, { headers: { X_Auth: token } });
    await send(`${odd.gate.url}/e`, { headers: { "x-auth": token } });
    for (const { rawHeaders } of odd.application.seen) assert.ok(!rawHeaders.includes(token));
    assert.ok(application.seen.every(({ rawHeaders }) => !rawHeaders.join().includes(token)));
  });
});
