import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send, statusesIn } from "../helpers/http.ts";
import { makeToken, spellingsOf } from "../helpers/tokens.ts";

const sources = `
tokens:
  from: [ { header: token }, { header: authorization, scheme: Bearer }, { cookie: session } ]
  keys: [ { publicKeyFile: public.pem } ]
`;

async function loggedOut(t: TestContext) {
  const application = await startApplication(t);
  const gate = await startGate(t, { upstream: application.url, yaml: sources });
  const token = makeToken();
  assert.equal((await send(`${gate.url}/me`, { headers: { token } })).status, 200);
  const logout = await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
  assert.equal(logout.status, 200);
  const reached = application.seen.length;
  return {
    gate,
    token,
    assertNothingReached: () => assert.equal(application.seen.length, reached),
  };
}

describe("a revoked token", () => {
  it("is refused in all sixteen spellings of its last signature character", async (t) => {
    const { gate, token, assertNothingReached } = await loggedOut(t);
    for (const spelling of spellingsOf(token)) {
      const reply = await send(`${gate.url}/me`, { headers: { token: spelling } });
      assert.equal(reply.status, 401, spelling.slice(-4));
    }
    assertNothingReached();
  });

  it("is refused with padding, white space and behind another header case", async (t) => {
    const { gate, token, assertNothingReached } = await loggedOut(t);
    const variants = [
      { token: `${token}=` },
      { token: `${token}==` },
      { token: ` ${token} ` },
      { TOKEN: token },
      { tOkEn: token },
    ];
    for (const headers of variants) {
      assert.equal((await send(`${gate.url}/me`, { headers })).status, 401);
    }
    assertNothingReached();
  });

  it("is refused through every configured source, and through several at once", async (t) => {
    const { gate, token, assertNothingReached } = await loggedOut(t);
    const fresh = makeToken();
    const variants: Record<string, string>[] = [
      { token },
      { Authorization: `Bearer ${token}` },
      { authorization: `bearer ${token}` },
      { Cookie: `session=${token}` },
      { Cookie: `a=b; session="${token}"` },
      { token, Authorization: `Bearer ${token}`, Cookie: `session=${token}` },
      { token: fresh, Authorization: `Bearer ${token}` },
      { token, Cookie: `session=${fresh}` },
    ];
    for (const headers of variants) {
      const reply = await send(`${gate.url}/me`, { headers });
      assert.equal(reply.status, 401, JSON.stringify(reply.text));
    }
    assertNothingReached();
  });

  it("is refused when pipelined right behind its logout on the same connection", async (t) => {
    const application = await startApplication(t, (request, response) => {
      // The logout takes its time; the call behind it is there all the while.
      if (request.url === "/logout") setImmediate(() => setImmediate(() => response.end("bye")));
      else response.end("ok");
    });
    const gate = await startGate(t, { upstream: application.url });
    const head = `Host: a\r\ntoken: ${makeToken()}\r\n`;
    const raw = await openRaw(t, gate.port);
    raw.write(
      `POST /logout HTTP/1.1\r\n${head}Content-Length: 0\r\n\r\n` +
        `GET /me HTTP/1.1\r\n${head}\r\nGET /me HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
    );
    assert.deepEqual(statusesIn(await raw.untilClosed()), [200, 401, 401]);
    assert.deepEqual(
      application.seen.map(({ url }) => url),
      ["/logout"],
    );
  });

  it("is refused in a hundred parallel requests that start after the logout's answer", async (t) => {
    const { gate, token, assertNothingReached } = await loggedOut(t);
    const replies = await Promise.all(
      Array.from({ length: 100 }, () => send(`${gate.url}/me`, { headers: { token } })),
    );
    assert.ok(replies.every(({ status }) => status === 401));
    assertNothingReached();
  });
});

const form = "application/x-www-form-urlencoded";

describe("a logout by a method that a framework finds elsewhere", () => {
  const ways: readonly (readonly [string, Record<string, string>, string?])[] = [
    ["/session?_method=DELETE", {}],
    ["/session", { "X-HTTP-Method-Override": "DELETE, x" }],
    ["/session", { "Content-Type": form }, "_method=delete"],
    ["/session", { "Content-Type": form }, `_method=delete&a=${"b".repeat(200_000)}`],
    ["/session", { "Content-Type": "application/json" }, '{"_method":"DELETE"}'],
  ];

  it("ends the token, and needs one", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, {
      upstream: application.url,
      yaml: `
routes:
  - { path: /session, methods: [POST], access: public }
  - { path: /session, methods: [DELETE], revoke: token }
`,
    });
    const login = { method: "POST", headers: { "Content-Type": form }, body: "user=alice" };
    assert.equal((await send(`${gate.url}/session`, login)).status, 200);
    for (const [path, more, body = ""] of ways) {
      const token = makeToken();
      const request = (headers: Record<string, string>) =>
        send(`${gate.url}${path}`, { method: "POST", headers, body });
      assert.equal((await request(more)).status, 401, path);
      assert.equal((await request({ ...more, token })).status, 200, path);
      const after = await send(`${gate.url}/me`, { headers: { token } });
      assert.equal(after.status, 401, `${path} ${JSON.stringify(more)}`);
    }
  });
});

describe("an opaque token that was logged out", () => {
  it("is dead in whatever spelling the application decodes to the same", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, {
      upstream: application.url,
      yaml: `
routes:
  - { path: /logout, methods: [POST], revoke: token, from: [ { cookie: session } ], tokens: opaque }
  - { path: /*, from: [ { cookie: session } ], tokens: opaque }
`,
    });
    const ask = async (path: string, session: string, method = "GET") =>
      (await send(`${gate.url}${path}`, { method, headers: { cookie: `session=${session}` } }))
        .status;
    const sealed = `${randomBytes(73).toString("base64url")}==`;
    assert.equal(await ask("/me", sealed), 200);
    assert.equal(await ask("/logout", sealed, "POST"), 200);
    const bare = sealed.slice(0, -2);
    const last = bare.endsWith("A") ? "B" : "A";
    for (const other of [
      bare,
      `${sealed}=`,
      `${bare.slice(0, 9)}!${bare.slice(9)}`,
      `${sealed}.a`,
    ]) {
      assert.equal(await ask("/me", other), 401, other);
    }
    assert.equal(await ask("/me", `${bare.slice(0, -1)}${last}==`), 401);
    assert.equal(await ask("/me", `${bare.startsWith("A") ? "B" : "A"}${bare.slice(1)}==`), 200);
  });
});

describe("a token of the issuer's on a rule whose tokens may be opaque", () => {
  it("ends with its subject, however its signature is spelled", async (t) => {
    const application = await startApplication(t);
    const gate = await startGate(t, {
      upstream: application.url,
      yaml: `
routes:
  - { path: /password, methods: [POST], revoke: subject }
  - { path: /both, methods: [POST], revoke: token, alsoRevoke: [ { cookie: refresh } ] }
  - { path: /api/*, tokens: opaque }
`,
    });
    const respelled = (token: string) => {
      const end = token.lastIndexOf(".") + 1;
      const [input, signature] = [token.slice(0, end), token.slice(end)];
      const standard = signature.replaceAll("-", "+").replaceAll("_", "/");
      const broken = `${signature.slice(0, 9)}!${signature.slice(9)}`;
      const others = [standard, broken, `${signature}==`, `${signature}==x`, `${signature}=x`];
      return [
        ...spellingsOf(token),
        ...[...others, `${signature} `].map((each) => input + each),
        `${token}.x`,
        `"${token}"`,
      ];
    };
    const ask = async (path: string, token: string, method = "GET") =>
      (await send(`${gate.url}${path}`, { method, headers: { token } })).status;
    const [stolen, own, other] = [makeToken({ sub: "u" }), makeToken({ sub: "u" }), makeToken()];
    const stranger = makeToken({ sub: "v" });
    for (const spelling of respelled(stolen)) assert.equal(await ask("/api/me", spelling), 200);
    assert.equal(await ask("/password", own, "POST"), 200);
    for (const spelling of respelled(stolen))
      assert.equal(await ask("/api/me", spelling), 401, spelling);
    assert.equal(await ask("/api/me", respelled(stranger)[20] ?? ""), 200);
    // One that somebody gives up so is given up in its own spelling as well.
    const [, , , , , , , , , , , , , , , , , spelled = ""] = respelled(other);
    const cookie = `refresh=${spelled}`;
    const sent = { method: "POST", headers: { token: stranger, cookie } };
    assert.equal((await send(`${gate.url}/both`, sent)).status, 200);
    assert.equal(await ask("/api/me", other), 401);
  });
});
