/** What one version of HTTP can say and another can't, or says otherwise: every client, every application. */
import assert from "node:assert/strict";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { eachField } from "../../src/http/field-lines.ts";
import { listenOnLoopback } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { connectHttp2, sendHttp2 } from "../helpers/http2.ts";
import {
  block,
  type Fields,
  flags,
  frame,
  startFrameApplication,
  types,
} from "../helpers/http2-frames.ts";
import { type Ending, endWithAll } from "../helpers/shared.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

type Version = "HTTP/1.1" | "HTTP/2";

/** An answer, in no version of HTTP yet, and what comes of it. */
interface Given {
  readonly status: string;
  /** Of the last head; of the interim response if there is one. */
  readonly fields?: Fields;
  readonly interim?: string;
  readonly trailers?: Fields;
  /** Default: two bytes. */
  readonly body?: string;
  /** What the client gets; default: its own status. */
  readonly becomes?: (from: Version, to: Version) => number;
  /** Names of those fields and trailers that end here. */
  readonly ends?: (to: Version) => Fields;
}

const no: Fields = [];
const always = (status: number) => () => status;
const kept: Fields = [["X-Kept", "yes"]];
/** Names that every object of JavaScript has. */
const inherited: Fields = [
  ...kept,
  ...["constructor", "__proto__", "hasOwnProperty", "toString"].map((name) => [name, "x"] as const),
];
const settings: Fields = [["HTTP2-Settings", "AAMAAABkAAQAAP__"]];
const withSettings = {
  ...{ status: "200", ends: (to: Version) => (to === "HTTP/2" ? settings : no) },
};
/** A message of HTTP/2 with one of them before its body is malformed. */
const http1Only: Fields = ["Keep-Alive", "Proxy-Connection", "Upgrade", "TE"].map(
  (name) => [name, "x"] as const,
);

/** More than Node sends by itself, in fields that clients take. */
const long: Fields = ["a", "b", "c", "d", "e"].map((name) => [`X-${name}`, name.repeat(20_000)]);

const withStatus = (status: string, becomes?: Given["becomes"]): Record<string, Given> =>
  Object.fromEntries(
    Object.entries({
      "": {},
      " without a body": { body: "" },
      " with trailers": { trailers: kept },
    }).map(([how, more]) => [
      `status ${status}${how}`,
      { status, ...more, ...(becomes === undefined ? {} : { becomes }) },
    ]),
  );
const notOver2 = (status: number) => (_: Version, to: Version) => (to === "HTTP/2" ? 502 : status);

const answers: Record<string, Given> = {
  ...withStatus("000", always(502)),
  ...withStatus("099", always(502)),
  ...withStatus("299"),
  ...withStatus("599"),
  ...withStatus("600", notOver2(600)),
  ...withStatus("999", notOver2(999)),
  "an interim 000": { status: "200", interim: "000", becomes: always(502) },
  "an interim 101": { status: "200", interim: "101", becomes: always(502) },
  "an interim 102": { status: "200", interim: "102" },
  "an interim 199": { status: "200", interim: "199" },
  "settings of HTTP/2": { ...withSettings, fields: [...settings, ...kept] },
  "such settings in an interim response": {
    ...{ status: "200", interim: "103", fields: settings, ends: () => settings },
  },
  "such settings in trailers": { ...withSettings, trailers: [...settings, ...kept] },
  "names that every object has": { status: "200", fields: inherited },
  "such names in trailers": { status: "200", trailers: inherited },
  "lines of HTTP/1.1 alone": {
    ...{ status: "200", fields: [...http1Only, ...kept], ends: () => http1Only },
    becomes: (from) => (from === "HTTP/2" ? 502 : 200),
  },
  "lines of HTTP/1.1 alone in trailers": {
    ...{ status: "200", trailers: http1Only, ends: () => http1Only },
    becomes: (from) => (from === "HTTP/2" ? 0 : 200),
  },
  "a head of 100 kB": { status: "200", fields: long },
  "trailers of 100 kB": { status: "200", trailers: long },
  "bytes beyond ASCII": { status: "200", fields: [["X-Raw", "\xe4\xff\t\x80"]] },
};

const linesOf = (fields: Fields) => fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");

/** The answer as an application of HTTP/1.1 writes it. */
function writeHttp1({ status, fields = [], interim, trailers, body = "ok" }: Given): string {
  const first = interim === undefined ? "" : `HTTP/1.1 ${interim} Odd\r\n${linesOf(fields)}\r\n`;
  const last = interim === undefined ? linesOf(fields) : "";
  const head = `${first}HTTP/1.1 ${status} Odd\r\n${last}`;
  if (trailers === undefined) return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  return `${head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${linesOf(trailers)}\r\n`;
}

/** The same in frames. */
function writeHttp2({ status, fields, interim, trailers, body = "ok" }: Given, stream: number) {
  const head = (given: Fields = [], code?: string, last = false) => {
    const pseudo: Fields = code === undefined ? [] : [[":status", code]];
    const lower: Fields = given.map(([name, value]) => [name.toLowerCase(), value]);
    return headFrames(stream, block([...pseudo, ...lower]), last);
  };
  const end = trailers === undefined ? flags.endStream : 0;
  return Buffer.concat([
    ...(interim === undefined ? [] : [head(fields, interim)]),
    head(interim === undefined ? fields : [], status, body === ""),
    ...(body === "" ? [] : [frame(types.data, end, stream, Buffer.from(body))]),
    ...(trailers === undefined ? [] : [head(trailers, undefined, true)]),
  ]);
}

/** Also in several frames, if one can't carry it. */
function headFrames(stream: number, whole: Buffer, last: boolean): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 16_384) {
    const type = at === 0 ? types.headers : types.continuation;
    const flag = at + 16_384 < whole.length ? 0 : flags.endHeaders;
    const endFlag = at === 0 && last ? flags.endStream : 0;
    frames.push(frame(type, flag | endFlag, stream, whole.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
}

/** What a client got; the status is 0 if the answer broke off. */
interface Got {
  readonly status: number;
  /** Its header lines and trailers, in lower case. */
  readonly lines: readonly string[];
}

const written = (name: string, value: unknown) => `${name}: ${value}`.toLowerCase();

const clients = {
  async "HTTP/1.1"(t: Ending, gate: TestGate): Promise<Got> {
    const raw = await openRaw(t, gate.port);
    raw.write(`GET /me HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\nConnection: close\r\n\r\n`);
    const text = (await raw.untilClosed()).replace(/^(?:HTTP\/1\.1 1[\s\S]*?\r\n\r\n)+/, "");
    const isBroken = /\r\nTransfer-Encoding/.test(text) && !/\r\n0\r\n(?:.+\r\n)*\r\n$/.test(text);
    const lines = text.toLowerCase().split("\r\n");
    return { status: isBroken ? 0 : Number(text.slice(9, 12)), lines };
  },
  async "HTTP/2"(t: Ending, gate: TestGate): Promise<Got> {
    const session = await connectHttp2(t, gate.url, { settings: { maxHeaderListSize: 1e6 } });
    const headers = { token: makeToken() };
    const reply = await sendHttp2(session, "/me", { headers });
    session.destroy();
    const all = [...Object.entries(reply.headers), ...Object.entries(reply.trailers)];
    const lines = all.map(([name, value]) => written(name, value));
    return { status: reply.reset === 0 ? reply.status : 0, lines };
  },
};

/** Checks what one client got of an answer. */
function assertCarried(
  given: Given,
  { status, lines }: Got,
  [from, to]: readonly [Version, Version],
  what: string,
) {
  const expected = given.becomes?.(from, to) ?? Number(given.status);
  assert.equal(status, expected, what);
  if (expected === 502) return;
  const ended = new Set((given.ends?.(to) ?? no).map(([name]) => name));
  for (const [name, value] of [...(given.fields ?? no), ...(given.trailers ?? no)]) {
    assert.equal(lines.includes(written(name, value)), !ended.has(name), `${name}: ${what}`);
  }
}

describe("an answer that another version of HTTP can't carry", () => {
  const ending = endWithAll();
  let answer: Given = { status: "200" };
  const yaml = `limits: { headerBytes: 131072 }
routes: [ { path: "/logout", methods: [POST], revoke: token } ]`;
  const starts = {
    "HTTP/1.1": async () => {
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.on("data", () => socket.write(writeHttp1(answer), "latin1"));
      });
      const url = `http://127.0.0.1:${await listenOnLoopback(ending, server)}`;
      return startGate(ending, { upstream: url, yaml });
    },
    "HTTP/2": async () => {
      const url = await startFrameApplication(ending, ({ type, stream }, socket) => {
        if (type === types.headers) socket.write(writeHttp2(answer, stream));
      });
      const upstream = `upstream: { url: "${url}", protocol: http2 }`;
      return startGate(ending, { upstream: url, yaml: `${upstream}\n${yaml}` });
    },
  };
  const gates = new Map<Version, Promise<TestGate>>();
  const gateOf = (version: Version) => {
    const gate = gates.get(version) ?? starts[version]();
    gates.set(version, gate);
    return gate;
  };

  for (const from of ["HTTP/1.1", "HTTP/2"] as const) {
    for (const to of ["HTTP/1.1", "HTTP/2"] as const) {
      it(`is 502, or passes without what that can't be: ${from} to ${to}`, async (t) => {
        const gate = await gateOf(from);
        for (const [name, given] of Object.entries(answers)) {
          answer = given;
          const got = await clients[to](t, gate);
          assertCarried(given, got, [from, to], `${name}: ${JSON.stringify(got).slice(0, 500)}`);
        }
        const metrics = async () => (await send(`${gate.adminUrl}/metrics`)).text;
        assert.doesNotMatch(await metrics(), /^revgate_uncaught_errors_total\{.*\} [1-9]/m);
        const open = /^revgate_(?:http2_)?connections [1-9]/m;
        await until(async () => !open.test(await metrics()));
      });
    }

    it(`is not known to have done anything, if it is a logout's: ${from}`, async (t) => {
      const gate = await gateOf(from);
      answer = { status: "600" };
      const session = await connectHttp2(t, gate.url);
      const headers = { token: makeToken() };
      const logout = await sendHttp2(session, "/logout", { method: "POST", headers });
      assert.equal(logout.status, 502);
      assert.match(
        gate.logged(),
        /the application answered with status 600, and HTTP\/2 ends at 599/,
      );
      answer = { status: "200" };
      assert.equal((await send(`${gate.url}/me`, { headers })).status, 401);
    });
  }
});

describe("a request that HTTP/1.1 and HTTP/2 say otherwise", () => {
  it("reaches an application over HTTP/2 with all that can be said there", async (t) => {
    const heads: (readonly string[])[] = [];
    const server = createHttp2Server({ settings: { maxHeaderListSize: 1e6 } });
    server.on("stream", (stream: ServerHttp2Stream, ...[, , raw]: readonly unknown[]) => {
      heads.push(raw as readonly string[]);
      stream.on("trailers", (...[, , trailers]: readonly unknown[]) => {
        heads.push(trailers as readonly string[]);
      });
      stream.resume().on("end", () => {
        stream.respond({ ":status": 200 });
        stream.end();
      });
    });
    const url = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
    const gate = await startGate(t, {
      upstream: url,
      yaml: `upstream: { url: "${url}", protocol: http2 }\nlimits: { headerBytes: 131072 }`,
    });
    const token = makeToken();
    const fields = [...inherited, ...long, ...settings, ["X-Two", "1"], ["X-Two", ""]] as Fields;
    const lines = linesOf([["Host", "a"], ["token", token], ["TE", "gzip"], ...fields]);
    const raw = await openRaw(t, gate.port);
    const body = `2\r\nok\r\n0\r\n${linesOf([...inherited, ...settings, ["Host", "b"]])}\r\n`;
    raw.write(`POST /me HTTP/1.1\r\n${lines}Transfer-Encoding: chunked\r\n\r\n${body}`);
    await raw.until(/^HTTP\/1\.1 200 /);
    const [head = [], trailers = []] = heads;
    const pairs = [...eachField(head)].map(([name, value]) => written(name, value));
    for (const [name, value] of [...inherited, ...long, ["te", "trailers"], ["X-Two", "1,"]]) {
      assert.ok(pairs.includes(written(name ?? "", value)), name);
    }
    assert.doesNotMatch(head.join(), /http2-settings|transfer-encoding|,host,/);
    const ended = [...eachField(trailers)].map(([name, value]) => written(name, value));
    assert.deepEqual(
      ended.toSorted(),
      inherited.map(([name, value]) => written(name, value)).toSorted(),
    );
  });
});
