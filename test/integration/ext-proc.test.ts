import assert from "node:assert/strict";
import { once } from "node:events";
import { before, describe, it } from "node:test";
import type { MethodDefinition } from "@grpc/grpc-js";
import { loadGrpc } from "../../src/decisions/grpc/load-grpc.ts";
import { modes } from "../../src/decisions/grpc/processing.ts";
import { startApplication } from "../helpers/application.ts";
import { prepareHeldSyncs } from "../helpers/broken-disk.ts";
import { type Envoy, headerMap, openEnvoy, type Processed, setLines } from "../helpers/envoy.ts";
import { startGate, type TestGate, untilReady, untilStartIsNoted } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { begin, connectHttp2 } from "../helpers/http2.ts";
import { patience } from "../helpers/redis.ts";
import { endWithAll } from "../helpers/shared.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const { requestSerialize: serialize } = loadGrpc().services.processor[
  "Process"
] as MethodDefinition<object, object>;

const yaml = `
decisions: { host: 127.0.0.1, port: 0, question: ext_proc }
tokens: { keys: [ { publicKeyFile: public.pem } ], from: [ { header: token }, { cookie: session } ], forwardClaims: { sub: X-User-Id }, forwardCredential: false }
routes:
  - { path: /login, methods: [POST], access: public, handsOut: [ { responseJson: /access }, { responseJson: /refresh } ], session: begins }
  - { path: /logout, methods: [POST], revoke: token }
  - { path: /end, methods: [POST], revoke: session }
  - { path: /told, methods: [POST], revoke: token, success: { responseJson: /code, in: [0] } }
  - { path: /shop.Users/LogOut, methods: [POST], revoke: token }
logout: { path: /own, clearCookies: [session, other] }
cors: { preflight: answer, allowOrigins: ["https://shop.example"] }
`;

let tokens = 0;
const newToken = () => {
  tokens += 1;
  return makeToken({ jti: `ext-proc-${tokens}` });
};
const grpcHeaders = { "content-type": "application/grpc", te: "trailers" };
/** A message as it is sent: its length before it. */
function grpcMessage(message: object): Buffer {
  const bytes = serialize(message);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

const json = [["content-type", "application/json"]] as const;

/** A message, and the trailers in a frame behind it; as text, each encoded by itself. */
function grpcWebBody(type: string, status: string): Buffer | string {
  const trailer = Buffer.from(`grpc-status:${status}\r\n`);
  const frame = Buffer.concat([Buffer.from([0x80, 0, 0, 0, trailer.length]), trailer]);
  const pieces = [Buffer.from([0, 0, 0, 0, 1, 42]), frame];
  if (!type.includes("-text")) return Buffer.concat(pieces);
  return pieces.map((piece) => piece.toString("base64")).join("");
}

describe("the gateways' port, asked by Envoy's ext_proc", () => {
  const ending = endWithAll();
  let gate: TestGate;
  let envoy: Envoy;
  before(async () => {
    const application = await startApplication(ending);
    gate = await startGate(ending, { upstream: application.url, yaml });
    envoy = openEnvoy(ending, gate.decisionsAddress?.port ?? 0);
  });
  const lives = async (token: string) =>
    (await send(`${gate.url}/me`, { headers: { token } })).status === 200;
  const metric = async (line: string) => {
    const { text } = await send(`${gate.adminUrl}/metrics`);
    const found = text.split("\n").find((each) => each.startsWith(`${line} `));
    return Number(found?.split(" ").at(-1));
  };
  const post = async (path: string, token: string, ...more: [string, string][]) => {
    const talk = envoy.process();
    const head = await talk.request("POST", path, [["token", token], ...more]);
    return { talk, head };
  };

  it("keeps no half questions, and no connection without one", async (t) => {
    const yamlOfPort = "decisions: { host: 127.0.0.1, port: 0, question: ext_proc }";
    const own = await startGate(t, {
      upstream: "http://127.0.0.1:1",
      yaml: `${yamlOfPort}\nlimits: { headersTimeout: 1s, idleTimeout: 1s }`,
    });
    const url = `http://127.0.0.1:${own.decisionsAddress?.port}`;
    const session = await connectHttp2(t, url);
    const path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
    const half = begin(session, { ":method": "POST", ":path": path, ...grpcHeaders });
    half.write(Buffer.from([0, 0, 0, 1, 0, 1]));
    const [headers] = (await once(half, "response")) as [Record<string, string>];
    assert.equal(headers["grpc-status"], "4");
    assert.match(own.logged(), /the first message has not come in time/);
    half.destroy();
    await once(session, "close");
  });

  it("reads no more of a talk while nothing of what it says is taken", async (t) => {
    const url = `http://127.0.0.1:${gate.decisionsAddress?.port}`;
    // No window for answers.
    const session = await connectHttp2(t, url, { settings: { initialWindowSize: 0 } });
    const path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
    const talk = begin(session, { ":method": "POST", ":path": path, ...grpcHeaders });
    const headers = headerMap([
      [":method", "POST"],
      [":path", "/logout"],
      [":authority", "shop.example"],
      [":scheme", "http"],
      ["token", newToken()],
    ]);
    talk.write(grpcMessage({ requestHeaders: { headers } }));
    talk.write(
      Buffer.concat(Array.from({ length: 100_000 }, () => grpcMessage({ requestBody: {} }))),
    );
    for (let i = 0; i < 100; i += 1) {
      assert.ok((await envoy.process().request("GET", "/me", [])).immediateResponse);
    }
    assert.ok(talk.writableLength > 0, "all of it was read");
  });

  it("refuses at once, as the clients' port does", async () => {
    for (const headers of [{}, { token: "a.b.c" }, { "accept-language": "zh" }]) {
      const talk = envoy.process();
      const { immediateResponse: refusal } = await talk.request(
        "GET",
        "/me",
        Object.entries(headers),
      );
      const direct = await send(`${gate.url}/me`, { headers });
      const lines = setLines(refusal?.headers.setHeaders ?? []);
      assert.equal(refusal?.status.code, direct.status);
      assert.equal(refusal?.body.toString(), direct.text);
      for (const name of ["content-type", "www-authenticate"]) {
        assert.equal(lines[name], direct.headers[name]);
      }
      assert.equal(lines["x-revgate-error"], direct.json["error"]);
      assert.equal(await talk.ended, "clean");
    }
    const grpc = await envoy
      .process()
      .request("POST", "/a.B/C", [["content-type", "application/grpc"]]);
    const { grpcStatus, body } = grpc.immediateResponse ?? {};
    assert.deepEqual([grpcStatus?.status, body?.toString()], [16, "token_missing"]);
  });

  it("says who it is, leaves the credential out, and lets what nothing rests on pass unseen", async () => {
    const token = newToken();
    const talk = envoy.process();
    const spoofed: [string, string][] = [
      ["x_user_id", "root"],
      ["token", token],
      ["cookie", "a=b; session="],
    ];
    const head = await talk.request("GET", "/me", spoofed);
    const mutation = head.requestHeaders?.response?.headerMutation;
    const set = setLines(mutation?.setHeaders ?? []);
    assert.equal(set["x-user-id"], "alice");
    assert.equal(set["cookie"], "a=b");
    assert.deepEqual([...(mutation?.removeHeaders ?? [])].sort(), ["token", "x_user_id"]);
    assert.equal(head.modeOverride?.responseHeaderMode, modes.skip);
    assert.equal(await talk.ended, "clean");
  });

  it("holds the answer of a logout until the token is dead, and keeps one that failed", async () => {
    const [token, other] = [newToken(), newToken()];
    const { talk, head } = await post("/logout", token);
    assert.equal(head.modeOverride?.responseHeaderMode, modes.send);
    assert.ok(await lives(token), "nothing has happened yet");
    assert.ok("responseHeaders" in (await talk.response(200)));
    assert.equal(await lives(token), false);
    assert.equal(await talk.ended, "clean");

    const failed = await post("/logout", other);
    assert.ok(
      "responseHeaders" in (await failed.talk.response(500, [], { details: "via_upstream" })),
    );
    assert.ok(await lives(other));
    assert.equal((await post("/logout", token)).head.immediateResponse?.status.code, 401);
    assert.match(gate.logged(), /"outcome":"forwarded".*"path":"\/logout","status":500/);
  });

  it("looks into the body if a rule does: Envoy shows it before the client gets the head", async () => {
    const cases: readonly [body: string, whole: boolean, alive: boolean][] = [
      ['{"code":0}', true, false],
      ['{"code":400}', true, true],
      // Nobody can tell: as after a lost answer.
      ['{"code":40', false, false],
    ];
    for (const [body, whole, alive] of cases) {
      const token = newToken();
      const { talk, head } = await post("/told", token, ["accept-encoding", "gzip"]);
      const set = setLines(head.requestHeaders?.response?.headerMutation.setHeaders ?? []);
      assert.equal(set["accept-encoding"], "identity");
      const shown = await talk.response(200, json, { more: true });
      assert.equal(shown.modeOverride?.responseBodyMode, modes.bufferedPartial);
      assert.ok("responseBody" in (await talk.body(body, whole)));
      assert.equal(await lives(token), alive, body);
    }
  });

  it("links the tokens that a login hands out", async () => {
    const [access, refresh] = [newToken(), newToken()];
    const talk = envoy.process();
    const head = await talk.request("POST", "/login", []);
    assert.equal(head.modeOverride?.responseHeaderMode, modes.send);
    await talk.response(200, json, { more: true });
    assert.ok("responseBody" in (await talk.body(JSON.stringify({ access, refresh }), true)));
    const { talk: end } = await post("/end", refresh);
    await end.response(204);
    assert.deepEqual([await lives(access), await lives(refresh)], [false, false]);
  });

  it("goes by the status of gRPC: in trailers, instead of them, and in the body of gRPC-Web", async () => {
    const grpc = [["content-type", "application/grpc"]] as [string, string][];
    for (const [status, alive] of [
      ["0", false],
      ["7", true],
    ] as const) {
      const token = newToken();
      const { talk, head } = await post("/shop.Users/LogOut", token, ...grpc);
      assert.equal(head.modeOverride?.responseTrailerMode, modes.send);
      const shown = await talk.response(200, grpc, { more: true });
      assert.equal(shown.modeOverride?.responseTrailerMode, modes.send);
      assert.ok(await lives(token));
      assert.ok("responseTrailers" in (await talk.trailers([["grpc-status", status]])));
      assert.equal(await lives(token), alive);

      const only = newToken();
      const trailersOnly = await post("/shop.Users/LogOut", only, ...grpc);
      await trailersOnly.talk.response(200, [...grpc, ["grpc-status", status]]);
      assert.equal(await lives(only), alive);

      for (const type of ["application/grpc-web+proto", "application/grpc-web-text+proto"]) {
        const web = newToken();
        const inBody = await post("/shop.Users/LogOut", web, ["content-type", type]);
        const held = await inBody.talk.response(200, [["content-type", type]], { more: true });
        assert.equal(held.modeOverride?.responseBodyMode, modes.bufferedPartial);
        assert.ok("responseBody" in (await inBody.talk.body(grpcWebBody(type, status), true)));
        assert.equal(await lives(web), alive);
      }
    }
  });

  it("takes an answer that Envoy gives in the application's place for what it is", async () => {
    const cases: readonly [status: number, details: string | undefined, alive: boolean][] = [
      [503, undefined, false],
      [503, "via_upstream", true],
      [504, "response_timeout", false],
      [503, "upstream_reset_before_response_started{connection_termination}", false],
      [503, "upstream_reset_before_response_started{remote_connection_failure|delayed}", true],
      [503, "no_healthy_upstream", true],
    ];
    for (const [status, details, alive] of cases) {
      const token = newToken();
      const { talk } = await post("/logout", token);
      assert.ok("responseHeaders" in (await talk.response(status, [], { details })));
      await until(async () => (await lives(token)) === alive);
    }
    // No answer at all.
    for (const end of ["cancel", "end"] as const) {
      const token = newToken();
      const { talk } = await post("/logout", token);
      talk[end]();
      await until(async () => !(await lives(token)));
    }
  });

  it("answers a logout and a preflight itself", async () => {
    const token = newToken();
    const own = (await post("/own", token)).head.immediateResponse;
    assert.equal(own?.status.code, 204);
    const cleared = own?.headers.setHeaders.filter(({ header }) => header.key === "set-cookie");
    assert.deepEqual(
      cleared?.map(({ header, append }) => [header.rawValue?.toString().split(";")[0], append]),
      [
        ["session=", { value: false }],
        ["other=", { value: true }],
      ],
    );
    assert.equal(await lives(token), false);
    const asked: [string, string][] = [
      ["origin", "https://shop.example"],
      ["access-control-request-method", "POST"],
    ];
    const preflight = (await envoy.process().request("OPTIONS", "/me", asked)).immediateResponse;
    assert.equal(preflight?.status.code, 204);
    const allowed = setLines(preflight?.headers.setHeaders ?? [])["access-control-allow-origin"];
    assert.equal(allowed, "https://shop.example");
  });

  it("makes nothing of a message that has more than a head can have, first or later, and takes long bodies", async () => {
    const refused = 'revgate_decisions_refused_total{reason="question"}';
    const before = await metric(refused);
    const lines = (count: number) => ({
      requestHeaders: { headers: { headers: Array.from({ length: count }, () => ({})) } },
    });
    await assert.rejects(envoy.process().tell(lines(50_000)), /RESOURCE_EXHAUSTED.*81920 bytes/);
    await assert.rejects(envoy.process().tell(lines(2000)), /RESOURCE_EXHAUSTED.*1020 fields/);
    await assert.rejects(envoy.process().tell(lines(300)), /INVALID_ARGUMENT/);
    const { talk } = await post("/logout", newToken());
    const body = Buffer.alloc(3_000_000);
    assert.ok("requestBody" in (await talk.tell({ requestBody: { body } })));
    await assert.rejects(
      talk.tell({ requestTrailers: { trailers: lines(2000).requestHeaders.headers } }),
      /RESOURCE_EXHAUSTED/,
    );
    assert.equal((await metric(refused)) - before, 4);
  });

  it("ends with an error, which Envoy takes for no yes, what it can't judge", async () => {
    const before = await metric('revgate_decisions_refused_total{reason="question"}');
    const unclear: readonly Processed[] = [
      { responseHeaders: {} },
      { requestHeaders: {} },
      {},
      { requestHeaders: { headers: {} }, observabilityMode: true },
    ];
    for (const message of unclear) {
      const talk = envoy.process();
      await assert.rejects(talk.tell(message), /INVALID_ARGUMENT/);
    }
    const refused = await metric('revgate_decisions_refused_total{reason="question"}');
    assert.equal(refused - before, unclear.length);
    // What nobody asked for passes.
    const { talk } = await post("/logout", newToken());
    assert.ok("requestBody" in (await talk.tell({ requestBody: { body: Buffer.from("a") } })));
    assert.ok("requestTrailers" in (await talk.tell({ requestTrailers: {} })));
    await talk.response(200);
  });
});

describe("a logout through Envoy's ext_proc", () => {
  it("is shown to the application when its intent is on disk, and to the client when it is revoked", async (t) => {
    const syncs = await prepareHeldSyncs(t);
    const application = await startApplication(t);
    const gate = await startGate(t, {
      upstream: application.url,
      yaml: `${yaml}\ndenylist: { dataDir: data, holdTimeout: 4s }\n`,
    });
    const envoy = openEnvoy(t, gate.decisionsAddress?.port ?? 0);
    await untilStartIsNoted(gate);
    syncs.hold();
    const told = newToken();
    const talk = envoy.process();
    let passed = false;
    const head = talk.request("POST", "/logout", [["token", told]]).then((reply) => {
      passed = true;
      return reply;
    });
    await syncs.arrived();
    assert.equal(
      (await envoy.process().request("POST", "/login", [])).immediateResponse,
      undefined,
    );
    assert.equal(passed, false);
    await syncs.releaseNext();
    await head;
    let released = false;
    const answer = talk.response(200).then((reply) => {
      released = true;
      return reply;
    });
    await syncs.arrived();
    const dead = await envoy.process().request("GET", "/me", [["token", told]]);
    assert.equal(dead.immediateResponse?.status.code, 401);
    assert.equal(released, false);
    // The disk does not come back: the client is told that it is pending.
    const { immediateResponse: pending } = await answer;
    assert.equal(pending?.status.code, 503);
    assert.match(pending?.body.toString() ?? "", /revocation_pending/);
  });
});

describe("an answer of gRPC whose status can't be read, through Envoy's ext_proc", () => {
  const web: [string, string] = ["content-type", "application/grpc-web+proto"];
  const grpc: [string, string] = ["content-type", "application/grpc"];
  for (const [what, type] of Object.entries({ "its body is cut off": web, "it has none": grpc })) {
    it(`is held like a success, and withheld while it can't be in force: ${what}`, async (t) => {
      const syncs = await prepareHeldSyncs(t);
      const application = await startApplication(t);
      const gate = await startGate(t, {
        upstream: application.url,
        yaml: `${yaml}\ndenylist: { dataDir: data, holdTimeout: 4s }\n`,
      });
      const envoy = openEnvoy(t, gate.decisionsAddress?.port ?? 0);
      await untilStartIsNoted(gate);
      syncs.hold();
      const token = newToken();
      const talk = envoy.process();
      const head = talk.request("POST", "/shop.Users/LogOut", [["token", token], type]);
      await syncs.arrived();
      await syncs.releaseNext();
      await head;
      await talk.response(200, [type], { more: true });
      const said = type === web ? talk.body("cut", false) : talk.trailers([]);
      const { immediateResponse, responseTrailers } = await said;
      if (type === web) assert.equal(immediateResponse?.status.code, 503);
      else {
        const set = setLines(responseTrailers?.headerMutation?.setHeaders ?? []);
        assert.equal(set["grpc-status"], "14");
      }
    });
  }
});

describe("two sidecars on one Redis that gateways ask", () => {
  it("refuse what was logged out at the other, from the very next question on", async (t) => {
    const redis = await startUsedRedis(t);
    const application = await startApplication(t);
    const store = `{ url: "${redis.url}", ${patience}, staleness: 300ms, grace: 900ms }`;
    const open = (question: string) =>
      startGate(t, {
        upstream: application.url,
        yaml: `decisions: { host: 127.0.0.1, port: 0, question: ${question} }\ndenylist: { dataDir: data, redis: ${store} }`,
      });
    const [byEnvoy, byNginx] = await Promise.all([open("ext_proc"), open("forwarded")]);
    await Promise.all([byEnvoy, byNginx].map(untilReady));
    const envoy = openEnvoy(t, byEnvoy.decisionsAddress?.port ?? 0);
    const ask = async (method: string, path: string, token: string) => {
      const question = { "X-Forwarded-Method": method, "X-Forwarded-Uri": path };
      const headers = { ...question, "X-Forwarded-Host": "shop.example", token };
      return (await send(`http://127.0.0.1:${byNginx.decisionsAddress?.port}`, { headers })).status;
    };
    const show = async (method: string, path: string, token: string) => {
      const talk = envoy.process();
      const { immediateResponse: refusal, modeOverride } = await talk.request(method, path, [
        ["token", token],
      ]);
      if (modeOverride?.responseHeaderMode === modes.send) await talk.response(200);
      return refusal?.status.code ?? 200;
    };
    const gateways = [show, ask] as const;
    const rounds = Array.from({ length: 6 }, async (_, round) => {
      const token = newToken();
      const [one, other] = round % 2 === 0 ? gateways : [ask, show];
      assert.equal(await other("GET", "/me", token), 200);
      assert.equal(await one("POST", "/logout", token), 200);
      assert.equal(await other("GET", "/me", token), 401);
    });
    await Promise.all(rounds);
  });
});
