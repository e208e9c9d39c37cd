/** Messages of HTTP/2 that end without END_STREAM, on either side: half of one must never look whole. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { connectHttp2, type Http2Reply, sendHttp2 } from "../helpers/http2.ts";
import {
  block,
  type Fields,
  flags,
  frame,
  get,
  openFrames,
  preface,
  type Received,
  startFrameApplication,
  types,
  uint32,
} from "../helpers/http2-frames.ts";
import { endWithAll } from "../helpers/shared.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const codes = { NO_ERROR: 0, INTERNAL_ERROR: 2, CLOSED: 5, REFUSED: 7, CANCEL: 8, CALM: 11 };
type Write = (socket: Socket, stream: number) => void;

const reset = (code: number) => (socket: Socket, stream: number) =>
  void socket.write(frame(types.reset, 0, stream, uint32(code)));
const goaway =
  (code: number): Write =>
  (socket, stream) =>
    void socket.end(frame(types.goaway, 0, 0, Buffer.concat([uint32(stream), uint32(code)])));

/** How an application ends its answer. */
const endings: Record<string, Write> = {
  ...Object.fromEntries(
    Object.entries(codes).map(([name, code]) => [`RST_STREAM with ${name}`, reset(code)]),
  ),
  "GOAWAY without an error": goaway(0),
  "GOAWAY with an error": goaway(2),
  "GOAWAY with the code of unprocessed streams": goaway(codes.REFUSED),
  "the end of the connection": (socket) => void socket.end(),
  "a reset of the connection": (socket) => void socket.resetAndDestroy(),
};

const head = (fields: Fields = []) => block([[":status", "200"], ...fields]);
const grpc = [["content-type", "application/grpc"]] as const;
const message = Buffer.of(0, 0, 0, 0, 2, 8, 1);

/** What was sent before that. */
const beginnings: Record<string, (stream: number) => Buffer> = {
  nothing: () => Buffer.alloc(0),
  "an interim response": (stream) =>
    frame(types.headers, flags.endHeaders, stream, block([[":status", "103"]])),
  "a head": (stream) => frame(types.headers, flags.endHeaders, stream, head()),
  "a part of a body": (stream) =>
    Buffer.concat([
      frame(types.headers, flags.endHeaders, stream, head()),
      frame(types.data, 0, stream, Buffer.from("part")),
    ]),
  "a message of gRPC": (stream) =>
    Buffer.concat([
      frame(types.headers, flags.endHeaders, stream, head(grpc)),
      frame(types.data, 0, stream, message),
    ]),
};

const beginsAnswer = (began: string) => began !== "nothing" && began !== "an interim response";

describe("half an answer of HTTP/2", () => {
  const ending = endWithAll();
  let shared: Promise<TestGate> | undefined;
  let answer: Write = () => {};
  let asked = 0;
  const start = () => {
    shared ??= (async () => {
      const url = await startFrameApplication(ending, ({ type, stream }, socket) => {
        if (type === types.headers) {
          asked += 1;
          answer(socket, stream);
        }
      });
      const yaml = `upstream: { url: "${url}", protocol: http2, responseTimeout: 1h, idleTimeout: 1h }
routes: [ { path: "/logout", methods: [POST], revoke: token }, { path: "/shop/Logout", methods: [POST], revoke: token } ]
log: { requests: none }`;
      return startGate(ending, { upstream: url, yaml });
    })();
    return shared;
  };
  /** No answer, or one that ends in the middle. */
  const assertLost = ({ status, reset: code }: Http2Reply, what: string) =>
    assert.ok(
      status === 502 || (status === 200 && code !== 0) || (status === 0 && code !== 0),
      what,
    );

  for (const [began, begin] of Object.entries(beginnings)) {
    it(`is lost behind ${began}, however it is given up`, async (t) => {
      const gate = await start();
      const session = await connectHttp2(t, gate.url);
      for (const [how, end] of Object.entries(endings)) {
        answer = (socket, stream) => {
          socket.write(begin(stream));
          end(socket, stream);
        };
        const what = `${began}, then ${how}`;
        const token = makeToken();
        const raw = await openRaw(t, gate.port);
        raw.write(`GET /me HTTP/1.1\r\nHost: a\r\ntoken: ${token}\r\nConnection: close\r\n\r\n`);
        const text = await raw.untilClosed();
        assert.doesNotMatch(text, /^HTTP\/1\.1 200 [\s\S]*\r\n0\r\n\r\n$/, what);
        asked = 0;
        const logout = await sendHttp2(session, "/logout", { method: "POST", headers: { token } });
        assertLost(logout, what);
        const isRefused = how === "RST_STREAM with REFUSED" && !beginsAnswer(began);
        assert.equal(asked, isRefused ? 2 : 1, what);
        answer = (socket, stream) =>
          void socket.write(
            frame(types.headers, flags.endHeaders | flags.endStream, stream, head()),
          );
        assert.equal((await send(`${gate.url}/me`, { headers: { token } })).status, 401, what);
      }
    });
  }
});

describe("half a request of HTTP/2", () => {
  const ending = endWithAll();
  let shared: Promise<{ gate: TestGate; calls: TestGate }> | undefined;
  /** What reached the application, over HTTP/1.1 and as calls of gRPC. */
  const requests: IncomingMessage[] = [];
  const frames: Received[] = [];
  const start = () => {
    shared ??= (async () => {
      const application = await startApplication(ending, (request, response) => {
        requests.push(request);
        request.resume().on("end", () => response.end("ok"));
      });
      const url = await startFrameApplication(ending, (received) => frames.push(received));
      const yaml = `limits: { receiveTimeout: 1h, requestTimeout: 2h }
routes:
  - { path: /read, from: [ { requestJson: /token } ] }
  - { path: /logout, methods: [POST], from: [ { requestJson: /token } ], revoke: token }
log: { requests: none }`;
      const gate = await startGate(ending, { upstream: application.url, yaml });
      const calls = await startGate(ending, { upstream: url, yaml });
      return { gate, calls };
    })();
    return shared;
  };
  const posted = (path: string, more: Fields): Buffer => {
    const [, ...rest] = get(path, more);
    return frame(types.headers, flags.endHeaders, 1, block([[":method", "POST"], ...rest]));
  };
  const lengths: Record<string, Fields> = {
    "of unknown length": [],
    "with a length": [["content-length", "1000"]],
  };

  for (const [length, more] of Object.entries(lengths)) {
    it(`is none for the application, ${length}`, async (t) => {
      const { gate } = await start();
      for (const [name, code] of Object.entries(codes)) {
        requests.length = 0;
        const client = await openFrames(t, gate.port);
        client.write(posted("/me", [["token", makeToken()], ...more]));
        client.write(frame(types.data, 0, 1, Buffer.from("half")));
        await until(() => requests.length === 1);
        client.write(frame(types.reset, 0, 1, uint32(code)));
        await until(() => requests[0]?.destroyed === true);
        assert.equal(requests[0]?.complete, false, name);
      }
    });
  }

  it("is none if all of it came in one packet with the preface", async (t) => {
    const { gate } = await start();
    for (const path of ["/me", "/read", "/logout"]) {
      for (const [name, code] of Object.entries(codes)) {
        requests.length = 0;
        const token = makeToken();
        const fields: Fields = [
          ["content-type", "application/json"],
          ...(path === "/me" ? [["token", token] as const] : []),
        ];
        const body = Buffer.from(JSON.stringify({ token }));
        const half = [posted(path, fields), frame(types.data, 0, 1, body)];
        const sent = [preface, frame(types.settings, 0, 0), ...half];
        const given = Buffer.concat([...sent, frame(types.reset, 0, 1, uint32(code))]);
        const client = await openFrames(t, gate.port, given);
        const flag = flags.endHeaders | flags.endStream;
        client.write(frame(types.headers, flag, 3, block(get("/after", [["token", token]]))));
        await client.until(({ type, stream }) => type === types.headers && stream === 3);
        assert.deepEqual(
          requests.map(({ url }) => url),
          ["/after"],
          `${path}: ${name}`,
        );
      }
    }
  });

  it("is not judged by the part of its body that came", async (t) => {
    const { gate } = await start();
    for (const path of ["/read", "/logout"]) {
      for (const [name, code] of Object.entries(codes)) {
        requests.length = 0;
        const token = makeToken();
        const client = await openFrames(t, gate.port);
        client.write(posted(path, [["content-type", "application/json"]]));
        client.write(frame(types.data, 0, 1, Buffer.from(JSON.stringify({ token }))));
        // What comes with the head is known to be gone before it is looked at.
        client.write(frame(types.ping, 0, 0, Buffer.alloc(8)));
        await client.until(({ type }) => type === types.ping);
        client.write(frame(types.reset, 0, 1, uint32(code)));
        const sent = get("/me", [["token", token]]);
        const flag = flags.endHeaders | flags.endStream;
        client.write(frame(types.headers, flag, 3, block(sent)));
        await client.until(({ type, stream }) => type === types.headers && stream === 3);
        assert.deepEqual(
          requests.map(({ url }) => url),
          ["/me"],
          `${path}: ${name}`,
        );
      }
    }
  });

  it("is none for a service of gRPC", async (t) => {
    const { calls } = await start();
    for (const [name, code] of Object.entries(codes)) {
      frames.length = 0;
      const client = await openFrames(t, calls.port);
      client.write(posted("/shop/Up", [["token", makeToken()], ["te", "trailers"], ...grpc]));
      client.write(frame(types.data, 0, 1, message));
      await until(() => frames.some(({ type }) => type === types.data));
      client.write(frame(types.reset, 0, 1, uint32(code)));
      await until(() => frames.some(({ type }) => type === types.reset));
      const ended = frames.some(
        ({ type, flags: flag }) => type === types.data && (flag & flags.endStream) !== 0,
      );
      assert.equal(ended, false, name);
    }
  });
});
