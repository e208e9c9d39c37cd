import assert from "node:assert/strict";
import { makeToken } from "../../helpers/tokens.ts";
import { defineAttacks, type Gatekeeper, type Vector } from "../attack.ts";
import { type Answer, exchange, head } from "../exchange.ts";
import {
  type Script,
  type ScriptedApplication,
  startScriptedApplication,
  wellBehaved,
} from "../scripted-application.ts";

interface Site {
  readonly gate: Gatekeeper;
  readonly application: ScriptedApplication;
}

const auth = `token: ${makeToken()}`;
const get = head("GET /me HTTP/1.1", [auth]);

/** An application that misbehaves once; the gate must get over it, and keep it from the next request. */
function misbehaves(
  name: string,
  source: string,
  script: Script,
  check: (answer: Answer, site: Site) => void,
  bytes = get,
): Vector<Site> {
  return {
    name,
    source,
    async attempt(site) {
      const { gate, application } = site;
      application.lines.length = 0;
      application.script = script;
      const answer = await exchange(gate.port, bytes);
      application.script = wellBehaved;
      check(answer, site);
      for (let i = 0; i < 3; i += 1) {
        const canary = await exchange(gate.port, head(`GET /canary${i} HTTP/1.1`, [auth]));
        assert.match(canary.text, new RegExp(`\\r\\n\\r\\n/canary${i}$`));
      }
    },
  };
}

const says =
  (text: string): Script =>
  (socket) =>
    void socket.write(text, "latin1");
const saysAndEnds =
  (text: string): Script =>
  (socket) =>
    void socket.end(text, "latin1");

const isBadGateway = ({ status, text }: Answer) => {
  assert.equal(status, 502, text.slice(0, 300));
  assert.doesNotMatch(text, /injected/i);
};

/** Heads that nobody can pass on as they are. */
const malformed: [string, string, string][] = [
  ["a CR in a value", "X: a\rInjected: 1", "RFC 9112 section 2.2, CWE-113"],
  ["an LF in a value", "X: a\nInjected: 1", "RFC 9112 section 2.2, CWE-113"],
  ["a NUL in a value", "X: a\0b", "RFC 9110 section 5.5"],
  ["a folded line", "X: a\r\n Injected: 1", "RFC 9112 section 5.2"],
  ["a space before the colon", "Injected : 1", "RFC 9112 section 5.1"],
  ["no colon", "Injected", "RFC 9112 section 5"],
  ["no name", ": injected", "RFC 9112 section 5"],
  ["a name in brackets", "X[injected]: 1", "RFC 9110 section 5.1"],
  ["two lengths", "Content-Length: 2\r\nContent-Length: 3", "RFC 9112 section 6.3"],
  ["a length that is none", "Content-Length: x", "RFC 9110 section 8.6"],
  ["a negative length", "Content-Length: -2", "RFC 9110 section 8.6"],
  [
    "a length and a coding",
    "Content-Length: 2\r\nTransfer-Encoding: chunked",
    "RFC 9112 section 6.3",
  ],
].map(([name = "", line = "", source = ""]) => [
  name,
  `HTTP/1.1 200 OK\r\n${line}${/length/i.test(line) ? "" : "\r\nContent-Length: 2"}\r\n\r\nok`,
  source,
]);
const firstLines: [string, string, string][] = [
  ["status 099", "HTTP/1.1 099 OK", "RFC 9110 section 15; node-http-proxy"],
  ["status 1000", "HTTP/1.1 1000 OK", "RFC 9110 section 15"],
  ["status 600", "HTTP/1.1 6x0 OK", "RFC 9110 section 15"],
  ["a CR in the reason", "HTTP/1.1 200 O\rInjected: 1", "RFC 9112 section 4"],
  ["a NUL in the reason", "HTTP/1.1 200 O\0K", "RFC 9112 section 4; node-http-proxy"],
  ["another protocol", "SSH-2.0-x", "RFC 9112 section 4"],
].map(([name = "", line = "", source = ""]) => [
  name,
  `${line}\r\nContent-Length: 2\r\n\r\nok`,
  source,
]);

const brokenOff: [string, string][] = [
  ["of known length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"],
  ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"],
  ["within a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort"],
  [
    "with a chunk size that is none",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nx\r\n",
  ],
];

/** What comes behind an answer, or without a question, must not become the answer to somebody else. */
const stray = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";
const surplus: [string, string, number][] = [
  [
    "a second answer behind the first",
    `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${stray}`,
    200,
  ],
  ["more body than announced", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokokok", 200],
  ["a body of 204", `HTTP/1.1 204 No Content\r\n\r\n${stray}`, 204],
  ["a body of 304", `HTTP/1.1 304 Not Modified\r\n\r\n${stray}`, 304],
  [
    "a body behind the last chunk",
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${stray}`,
    200,
  ],
];

function closesIdle(): Script {
  let answered = 0;
  return (socket, text) => {
    // It takes the second request of a connection for one that came too late.
    if (answered > 0) socket.destroy();
    else wellBehaved(socket, text);
    answered += 1;
  };
}

const idleClosing: readonly Vector<Site>[] = (["GET", "POST"] as const).map((method) => ({
  name: `an idle connection closed at the wrong moment, ${method}`,
  source: "RFC 9110 section 9.2.2; RFC 9112 section 9.5",
  async attempt({ gate, application }) {
    application.lines.length = 0;
    const first = closesIdle();
    application.script = first;
    await exchange(gate.port, get);
    const seen = application.lines.length;
    const sent = head(`${method} /second HTTP/1.1`, [auth, "Content-Length: 0"]);
    const { status } = await exchange(gate.port, sent);
    application.script = wellBehaved;
    const times = application.lines.slice(seen).length;
    if (method === "POST") assert.equal(times, 1, "sent twice");
    assert.ok(status === 200 || status === 502);
  },
}));

/** One that comes while the next request is on its way can't be told from the answer to that. */
const unsolicited: Vector<Site> = {
  name: "an answer to a request that was not sent",
  source: "RFC 9112 section 9.2",
  async attempt({ gate, application }) {
    const closed = new Promise<void>((resolve) => {
      application.script = (socket, text) => {
        wellBehaved(socket, text);
        socket.once("close", () => resolve());
        setImmediate(() => socket.write(stray));
      };
    });
    await exchange(gate.port, get);
    application.script = wellBehaved;
    await closed;
    const { text } = await exchange(gate.port, head("GET /canary HTTP/1.1", [auth]));
    assert.match(text, /\r\n\r\n\/canary$/);
  },
};

export const applicationFaults = defineAttacks<Site>({
  name: "Faults of the application",
  advisories: ["httpxy#103", "httpxy#106", "CVE-2024-24750", "CVE-2022-32213"],
  async open(t, place) {
    const application = await startScriptedApplication(t);
    const yaml = `upstream: { url: "${application.url}", responseTimeout: 2s }`;
    return { application, gate: await place(t, { upstream: application.url, yaml }) };
  },
  vectors: [
    ...[...malformed, ...firstLines].map(([name, text, source]) =>
      misbehaves(`an answer with ${name}`, source, says(text), isBadGateway),
    ),
    ...brokenOff.map(([name, text]) =>
      misbehaves(
        `a body ${name} that breaks off`,
        "RFC 9112 section 8",
        saysAndEnds(text),
        ({ text: received }) => {
          // Either nothing went out yet, or it can be seen that the end is missing.
          if (received.startsWith("HTTP/1.1 502")) return;
          const announced = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
          const body = received.split("\r\n\r\n").slice(1).join("\r\n\r\n");
          const whole = announced > 0 ? body.length === announced : body.endsWith("0\r\n\r\n");
          assert.equal(whole, false, received);
        },
      ),
    ),
    ...surplus.map(([name, text, expected]) =>
      misbehaves(
        name,
        "RFC 9112 section 6.3; CVE-2022-32213",
        says(text),
        ({ status, text: got }) => {
          assert.ok(status === expected || status === 502, got);
          assert.doesNotMatch(got, /stray|okok/);
        },
      ),
    ),
    misbehaves(
      "a body in answer to HEAD",
      "RFC 9110 section 9.3.2",
      says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"),
      ({ text }) => assert.doesNotMatch(text, /stray/),
      head("HEAD /me HTTP/1.1", [auth]),
    ),
    unsolicited,
    misbehaves(
      "an answer before the body was read",
      "RFC 9110 section 9.5",
      (socket) => void socket.end("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"),
      ({ status }) => assert.equal(status, 413),
      `${head("POST /me HTTP/1.1", [auth, "Content-Length: 1000000"])}${"x".repeat(1_000_000)}`,
    ),
    misbehaves(
      "a connection closed without an answer",
      "RFC 9112 section 8",
      (socket) => socket.destroy(),
      isBadGateway,
    ),
    misbehaves(
      "a head without end",
      "CWE-400",
      (socket) => flood(socket, "X: a\r\n", "HTTP/1.1 200 OK\r\n"),
      isBadGateway,
    ),
    misbehaves(
      "a reason without end",
      "CWE-400",
      (socket) => flood(socket, "aaaa", "HTTP/1.1 200 "),
      ({ status }) => assert.ok(status === 502 || status === 504, String(status)),
    ),
    misbehaves(
      "interim answers without end",
      "RFC 9110 section 15.2",
      (socket) => flood(socket, "HTTP/1.1 103 Early Hints\r\n\r\n", ""),
      ({ text }) => assert.match(text, /HTTP\/1\.1 502 /),
    ),
    misbehaves(
      "100 that nobody asked for",
      "RFC 9110 section 15.2.1",
      says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
      ({ text }) => assert.match(text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/),
    ),
    misbehaves(
      "an upgrade that nobody asked for",
      "RFC 9110 section 15.2.2",
      says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nstray"),
      isBadGateway,
    ),
    ...idleClosing,
  ],
});

/** Sends the same for as long as anybody listens, up to a few megabytes. */
function flood(socket: import("node:net").Socket, line: string, first: string): void {
  socket.write(first);
  const block = line.repeat(1000);
  for (let sent = 0; sent < 4_000_000 && !socket.destroyed; sent += block.length) {
    socket.write(block);
  }
}
