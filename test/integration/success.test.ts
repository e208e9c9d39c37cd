import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

interface Told {
  readonly status?: number;
  readonly type?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

const routes = `
routes:
  - { path: /redirects, revoke: token, success: { status: [2xx, 302, 303] } }
  - { path: /coded, revoke: token, success: { responseJson: /code, in: [0, 200, ok, null] } }
  - { path: /graphql, revoke: token, success: { responseJson: /errors, absent: true } }
  - { path: /both, revoke: token, success: { status: [201], responseJson: /a/b, in: [true] } }
  - { path: /two, revoke: token, success: { status: [302] } }
  - { path: /two, revoke: token }
  - { path: /reset, access: public, revoke: subject, subjectFrom: { requestJson: /phone }, success: { responseJson: /code, in: [0] } }
  - { path: /plain, revoke: token }
  - { path: /login, access: public, handsOut: [ { responseJson: /data/token } ] }
limits: { bodyBytes: 2KB }`;

/** A revgate before an application that answers as a test says. */
async function start(t: TestContext, more = "") {
  let told: Told = {};
  const application = await startApplication(t, (request, response) => {
    request.resume();
    if (request.url === "/me") return response.end("ok");
    const { status = 200, type = "application/json", body = "{}", headers } = told;
    response.writeHead(status, { "Content-Type": type, ...headers });
    return response.end(headers?.["Content-Encoding"] === "gzip" ? gzipSync(body) : body);
  });
  const yaml = `${routes.replace("2KB", "2000")}\n${more}`;
  const gate = await startGate(t, { upstream: application.url, yaml });
  const isLive = async (token: string) =>
    (await send(`${gate.url}/me`, { headers: { token } })).status === 200;
  return {
    gate,
    isLive,
    /** Whether a token is dead behind an answer that reached the client. */
    async ends(path: string, next: Told): Promise<boolean> {
      told = next;
      const token = makeToken();
      const reply = await send(`${gate.url}${path}`, { method: "POST", headers: { token } });
      assert.equal(reply.status, next.status ?? 200);
      if (next.headers === undefined) assert.equal(reply.text, next.body ?? "{}");
      return !(await isLive(token));
    },
    tell(next: Told) {
      told = next;
    },
  };
}

const long = `{"code":400,"more":"${"x".repeat(3000)}"}`;

/** By the route: what the application answers, and whether that ends the token. */
const cases: [path: string, told: Told, ends: boolean][] = [
  ["/redirects", { status: 302 }, true],
  ["/redirects", { status: 303 }, true],
  ["/redirects", { status: 204, body: "" }, true],
  ["/redirects", { status: 301 }, false],
  ["/redirects", { status: 400 }, false],
  ["/coded", { body: '{"code":0}' }, true],
  ["/coded", { body: '{"code":200,"msg":"ok"}' }, true],
  ["/coded", { body: '{"code":"ok"}' }, true],
  ["/coded", { body: '{"code":null}' }, true],
  ["/coded", { body: '{"code":"0"}' }, false],
  ["/coded", { body: '{"code":400,"msg":"wrong old password"}' }, false],
  ["/coded", { body: '{"code":{"code":0}}' }, false],
  ["/coded", { status: 500, body: '{"code":0}' }, false],
  ["/graphql", { body: '{"data":{"logout":true}}' }, true],
  ["/graphql", { body: '{"data":{"logout":true},"errors":null}' }, true],
  ["/graphql", { body: '{"data":null,"errors":[{"message":"no"}]}' }, false],
  ["/graphql", { body: '{"errors":[]}' }, false],
  ["/both", { status: 201, body: '{"a":{"b":true}}' }, true],
  ["/both", { status: 200, body: '{"a":{"b":true}}' }, false],
  ["/both", { status: 201, body: '{"a":{"b":false}}' }, false],
  ["/two", { status: 302 }, true],
  ["/two", { status: 200 }, true],
  ["/two", { status: 303 }, false],
];

/** What nobody can read. */
const unreadable: [string, Told][] = [
  ["no JSON", { type: "text/html", body: "<p>bye</p>" }],
  ["broken JSON", { body: '{"code":' }],
  ["without the member", { body: '{"data":1}' }],
  ["longer than limits.bodyBytes", { body: long }],
  ["compressed", { body: '{"code":400}', headers: { "Content-Encoding": "gzip" } }],
];

describe("success", () => {
  it("is what a rule says, by status and by member of the answer", async (t) => {
    const { ends } = await start(t);
    for (const [path, told, expected] of cases) {
      assert.equal(await ends(path, told), expected, `${path} ${JSON.stringify(told)}`);
    }
  });

  it("that can't be read is an unknown outcome, which is counted and logged", async (t) => {
    const revoking = await start(t);
    const keeping = await start(t, "denylist: { dataDir: data, onUnknownOutcome: keep }");
    for (const [what, told] of unreadable) {
      assert.equal(await revoking.ends("/coded", told), true, what);
      assert.equal(await keeping.ends("/coded", told), false, what);
    }
    const { text } = await send(`${revoking.gate.adminUrl}/metrics`);
    assert.match(text, new RegExp(`^revgate_outcomes_unread_total ${unreadable.length}$`, "m"));
    assert.match(revoking.gate.logged(), /could not be read for success/);
  });

  it("keeps a wrong code in a 200 from ending the sessions of whomever the request names", async (t) => {
    const { gate, isLive, tell } = await start(t);
    const reset = (phone: string) =>
      send(`${gate.url}/reset`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ phone }),
      });
    const token = makeToken({ sub: "13800000000" });
    for (const body of ['{"code":400}', '{"msg":"?"}', "nonsense"]) {
      tell({ body });
      assert.equal((await reset("13800000000")).status, 200);
      assert.equal(await isLive(token), true, body);
    }
    tell({ body: '{"code":0}' });
    await reset("13800000000");
    assert.equal(await isLive(token), false);
  });

  it("is told of, once a path, if a redirection may be meant", async (t) => {
    const { gate, ends } = await start(t);
    for (let i = 0; i < 3; i += 1) assert.equal(await ends("/plain", { status: 302 }), false);
    const told = gate.logged().split("success: { status: [2xx, 302, 303] }").length - 1;
    assert.equal(told, 1);
    assert.match(gate.logged(), /"status":302,"path":"\/plain"/);
  });
});

describe("tokens that an answer hands out", () => {
  it("are looked at: one that has been revoked is logged and counted, and passed on as it came", async (t) => {
    const { gate, tell } = await start(t);
    const handedOut = async () => {
      const { text } = await send(`${gate.adminUrl}/metrics`);
      return Number(/^revgate_revoked_tokens_handed_out_total (\d+)$/m.exec(text)?.[1]);
    };
    const logIn = async (token: unknown, told: Told = {}) => {
      const body = ` ${JSON.stringify({ data: { token } })} `;
      tell({ body, ...told });
      const reply = await send(`${gate.url}/login`, { method: "POST" });
      assert.equal(reply.text, told.body ?? body);
      return handedOut();
    };
    // Two logins in one second, with tokens that do not say which they are.
    const same = makeToken({ jti: undefined });
    assert.equal(await logIn(same), 0);
    tell({});
    await send(`${gate.url}/plain`, { method: "POST", headers: { token: same } });
    assert.equal(await logIn(same), 1);
    assert.match(
      gate.logged(),
      /"token":"tok:[\w-]{43}".*handed out a token that was already revoked/,
    );
    assert.ok(!gate.logged().includes(same.slice(-40)));

    assert.equal(await logIn(makeToken()), 1);
    // A failed login hands nothing out, whatever its answer says.
    assert.equal(await logIn(same, { status: 401 }), 1);
    for (const other of [undefined, 7, "no token", { a: same }]) {
      assert.equal(await logIn(other), 1);
    }
    assert.equal(await logIn("", { body: "no JSON" }), 1);
    assert.equal(await logIn("", { body: `"${"x".repeat(3000)}"` }), 1);
  });
});
