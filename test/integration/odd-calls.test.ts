/** Answers to calls that no service should give: what a client of gRPC makes of them, with revgate and without. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startGate } from "../helpers/gate.ts";
import { connectGrpc } from "../helpers/grpc-shop.ts";
import { send } from "../helpers/http.ts";
import {
  block,
  type Fields,
  flags,
  frame,
  startFrameApplication,
  types,
  uint32,
} from "../helpers/http2-frames.ts";
import { makeToken } from "../helpers/tokens.ts";

/** The frames of an answer on a stream. */
type Frames = (stream: number) => readonly Buffer[];

interface Given {
  readonly frames: Frames;
  /** Whether it is plain that the application has not done it; the token lives on then alone. */
  readonly fails?: boolean;
  /** Set if HTTP/2 forbids it: a client behind revgate gets UNAVAILABLE, whatever it makes of it itself. */
  readonly malformed?: boolean;
}

const [endHeaders, endStream] = [flags.endHeaders, flags.endStream];
const grpc = ["content-type", "application/grpc"] as const;
const ok: Fields = [[":status", "200"], grpc];
const bye = Buffer.concat([Buffer.of(0, 0, 0, 0, 3), Buffer.from("bye")]);

const head =
  (fields: Fields = ok): Frames =>
  (stream) => [frame(types.headers, endHeaders, stream, block(fields))];
const only =
  (...fields: Fields): Frames =>
  (stream) => [frame(types.headers, endHeaders | endStream, stream, block([...ok, ...fields]))];
const message =
  (payload: Buffer = bye, flag = 0): Frames =>
  (stream) => [frame(types.data, flag, stream, payload)];
const trailers =
  (...fields: Fields): Frames =>
  (stream) => [frame(types.headers, endHeaders | endStream, stream, block(fields))];
const reset =
  (code: number): Frames =>
  (stream) => [frame(types.reset, 0, stream, uint32(code))];
const all =
  (...parts: readonly Frames[]): Frames =>
  (stream) =>
    parts.flatMap((part) => part(stream));
const usual = (...fields: Fields): Frames => all(head(), message(), trailers(...fields));
const status = (value: string) => ["grpc-status", value] as const;

const numbers = (values: readonly string[], more: Partial<Given>): Record<string, Given> =>
  Object.fromEntries(
    values.flatMap((value) => [
      [`the status "${value}"`, { frames: usual(status(value)), ...more }],
      [`the status "${value}" alone`, { frames: only(status(value)), ...more }],
    ]),
  );

const answers: Record<string, Given> = {
  ...numbers(["0", "00", "-0", "+0", "0x0", "0.0", "", "abc", "-1", "1e1", "07"], {}),
  ...numbers(["1", "7", "16", "17", "99", "4294967296"], { fails: true }),
  "no status": { frames: usual(["x-sum", "5"]) },
  "no status in a head alone": { frames: only() },
  "no trailers": { frames: all(head(), message(bye, endStream)) },
  "two statuses": { frames: usual(status("0"), status("7")) },
  "two statuses, the other first": { frames: usual(status("7"), status("0")) },
  "the same status twice": { frames: usual(status("0"), status("0")) },
  "a failure in the head, and success in the trailers": {
    frames: all(head([...ok, status("7")]), message(), trailers(status("0"))),
  },
  "success in the head, and a failure in the trailers": {
    frames: all(head([...ok, status("0")]), message(), trailers(status("7"))),
  },
  "success with 503": {
    frames: all(head([[":status", "503"], grpc]), message(), trailers(status("0"))),
  },
  "a failure with 503": {
    frames: all(head([[":status", "503"], grpc]), message(), trailers(status("7"))),
    fails: true,
  },
  "503 and no status": {
    frames: all(head([[":status", "503"], grpc]), message(bye, endStream)),
    fails: true,
  },
  "a page with 404": {
    frames: all(
      head([
        [":status", "404"],
        ["content-type", "text/html"],
      ]),
      message(Buffer.from("<p>"), endStream),
    ),
    fails: true,
  },
  "a page with 200": {
    frames: all(
      head([
        [":status", "200"],
        ["content-type", "text/html"],
      ]),
      message(Buffer.from("<p>"), endStream),
    ),
  },
  "no type": { frames: all(head([[":status", "200"]]), message(), trailers(status("0"))) },
  "a message that is not encoded as it should be": {
    frames: usual(status("9"), ["grpc-message", "%zz 100%"]),
    fails: true,
  },
  "details that are no base64": {
    frames: usual(status("9"), ["grpc-status-details-bin", "!!"]),
    fails: true,
  },
  "half a message": { frames: all(head(), message(bye.subarray(0, 6)), trailers(status("0"))) },
  "a pseudo-header field in trailers": {
    frames: usual(status("0"), [":status", "200"]),
    malformed: true,
  },
  "a name in upper case": { frames: usual(["Grpc-Status", "0"]), malformed: true },
  "a connection field in trailers": {
    frames: usual(status("0"), ["connection", "close"]),
    malformed: true,
  },
  "trailers that do not end it": {
    frames: all(head(), message(), head([status("0")]), message(bye, endStream)),
    malformed: true,
  },
  "a reset in place of trailers": { frames: all(head(), message(), reset(0)), malformed: true },
  "a cancellation in place of trailers": {
    frames: all(head(), message(), reset(8)),
    malformed: true,
  },
};

describe("an answer to a call that no service should give", () => {
  it("is to its client what it is without revgate, and never a logout that is none", async (t) => {
    let answer: Frames = only();
    const url = await startFrameApplication(t, ({ type, flags: flag, stream }, socket) => {
      const isWhole = (type === types.data || type === types.headers) && (flag & endStream) !== 0;
      if (isWhole) socket.write(Buffer.concat(answer(stream)));
    });
    const yaml = "routes: [ { path: /demo.Shop/Logout, methods: [POST], revoke: token } ]";
    const gate = await startGate(t, { upstream: url, yaml });
    const behind = connectGrpc(t, gate.port);
    for (const [what, { frames, fails = false, malformed = false }] of Object.entries(answers)) {
      answer = frames;
      const direct = connectGrpc(t, Number(new URL(url).port));
      const plain = await direct.unary("Me", undefined);
      const got = await behind.unary("Me", makeToken());
      const told = ({ error, text }: typeof got) => [error?.code ?? 0, error?.details ?? text];
      if (malformed) assert.ok([13, 14].includes(got.error?.code ?? 0), `${what}: ${told(got)}`);
      else assert.deepEqual(told(got), told(plain), what);

      const token = makeToken();
      const logout = await behind.unary("Logout", token);
      // HTTP/1.1, which this application does not speak: a live token is 502.
      const after = (await send(`${gate.url}/me`, { headers: { token } })).status;
      const isDone = logout.error === undefined;
      assert.deepEqual([what, after], [what, fails ? 502 : 401]);
      assert.ok(!isDone || after === 401, `${what}: the client takes it for done`);
    }
    const metrics = (await send(`${gate.adminUrl}/metrics`)).text;
    assert.doesNotMatch(metrics, /^revgate_uncaught_errors_total\{.*\} [1-9]/m);
  });
});
