/** gRPC-Web is HTTP/1.1 or HTTP/2 with trailers in the body; test/ops has a browser with Google's client. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { describe, it } from "node:test";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { readWebBody, startGrpcWebShop, webFrame, webTypes } from "../helpers/grpc-web-shop.ts";
import { connectHttp2, sendHttp2 } from "../helpers/http2.ts";
import { patience } from "../helpers/redis.ts";
import { type Ending, endWithAll } from "../helpers/shared.ts";
import { startUsedRedis } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";

const yaml = `
routes: [ { path: /demo.Shop/Logout, methods: [POST], revoke: token } ]
cors: { allowOrigins: [ "https://shop.example" ] }
log: { requests: none }`;

interface Called {
  readonly status: number;
  readonly type: string;
  readonly origin: string;
  readonly messages: readonly string[];
  readonly trailers: string;
}

/** Calls a method as a client of gRPC-Web does, over HTTP/1.1 or HTTP/2. */
type Call = (method: string, token: string | undefined, message?: string) => Promise<Called>;

function callerOf(t: Ending, gate: TestGate, type: string, version: "1.1" | "2"): Call {
  const encode = (message: string) => {
    const frame = webFrame(message);
    return type.includes("-text") ? Buffer.from(frame.toString("base64")) : frame;
  };
  const headersOf = (token: string | undefined) => ({
    ...{ "content-type": type, accept: type, "x-grpc-web": "1", origin: "https://shop.example" },
    ...(token === undefined ? {} : { token }),
  });
  const called = (
    status: number,
    headers: Readonly<Record<string, unknown>>,
    body: Buffer,
  ): Called => ({
    ...{ status, type: String(headers["content-type"]) },
    origin: String(headers["access-control-allow-origin"]),
    ...readWebBody(type, body),
  });
  return async (method, token, message = "alice") => {
    const path = `/demo.Shop/${method}`;
    if (version === "2") {
      const session = await connectHttp2(t, gate.url);
      const body = encode(message);
      const reply = await sendHttp2(session, path, {
        method: "POST",
        headers: headersOf(token),
        body,
      });
      session.destroy();
      return called(reply.status, reply.headers, reply.body);
    }
    return new Promise((resolve, reject) => {
      const options = { method: "POST", path, port: gate.port, headers: headersOf(token) };
      const sent = request({ host: "127.0.0.1", ...options }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          resolve(called(response.statusCode ?? 0, response.headers, Buffer.concat(chunks)));
        });
      });
      sent.on("error", reject).end(encode(message));
    });
  };
}

const ways = webTypes.flatMap((type) =>
  (["1.1", "2"] as const).map((version) => [type, version] as const),
);

describe("gRPC-Web through two sidecars", () => {
  const ending = endWithAll();
  let shared: Promise<{ a: TestGate; b: TestGate; calls: () => number }> | undefined;
  const start = () => {
    shared ??= (async () => {
      const redis = await startUsedRedis(ending);
      const shop = await startGrpcWebShop(ending);
      const store = `denylist: { dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 300ms } }`;
      const options = { upstream: shop.url, yaml: `${yaml}\n${store}` };
      const [a, b] = await Promise.all([startGate(ending, options), startGate(ending, options)]);
      await Promise.all([untilReady(a), untilReady(b)]);
      return { a, b, calls: () => shop.seen.length };
    })();
    return shared;
  };

  for (const [type, version] of ways) {
    it(`passes, is held at a logout and refused after it: ${type}, HTTP/${version}`, async (t) => {
      const { a, b, calls } = await start();
      const [atA, atB] = [callerOf(t, a, type, version), callerOf(t, b, type, version)];
      const token = makeToken();
      const me = await atB("Me", token);
      assert.deepEqual([me.status, me.type, me.messages], [200, type, ["me alice"]]);
      assert.match(me.trailers, /^grpc-status:0\r\nx-sum:5\r\n$/);

      const failed = await atA("Logout", token, "fail");
      assert.match(failed.trailers, /^grpc-status:9\r\ngrpc-message:not now\r\n/);
      assert.deepEqual((await atB("Me", token)).messages, ["me alice"]);

      const done = await atA("Logout", token);
      assert.deepEqual(done.messages, ["bye"]);
      const before = calls();
      const refused = await atB("Me", token);
      assert.match(refused.trailers, /^grpc-status: 16\r\ngrpc-message: Please log in again\.\r\n/);
      assert.deepEqual(
        [refused.status, refused.type.replace("+proto", ""), refused.origin, calls()],
        [200, type.replace("+proto", ""), "https://shop.example", before],
      );
    });
  }

  it("is refused by a status in its body, and by one of HTTP what asks in no form of gRPC", async (t) => {
    const { a } = await start();
    for (const [type, version] of ways) {
      const { trailers } = await callerOf(t, a, type, version)("Me", undefined);
      assert.match(trailers, /^grpc-status: 16\r\ngrpc-message: Token is missing\.\r\n/);
      assert.match(trailers, /\r\ngrpc-status-details-bin: [\w+/]+\r\n$/);
    }
    const { status, type } = await callerOf(t, a, "application/json", "1.1")("Me", undefined);
    assert.deepEqual([status, type], [401, "application/json; charset=utf-8"]);
  });

  it("is told that the service is away", async (t) => {
    const shop = await startGrpcWebShop(t);
    shop.server.close();
    const gate = await startGate(t, { upstream: shop.url, yaml });
    for (const [type, version] of ways) {
      const { trailers } = await callerOf(t, gate, type, version)("Me", makeToken());
      assert.match(trailers, /^grpc-status: 14\r\n/);
    }
  });
});
