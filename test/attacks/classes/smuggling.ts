import assert from "node:assert/strict";
import { makeToken } from "../../helpers/tokens.ts";
import { defineAttacks, type Gatekeeper, type Vector } from "../attack.ts";
import { type CountingApplication, startCountingApplication } from "../counting-application.ts";
import { exchange, head } from "../exchange.ts";

interface Site {
  readonly gate: Gatekeeper;
  readonly application: CountingApplication;
}

const auth = `token: ${makeToken()}`;
const host = "Host: a";
const hidden = `GET /hidden HTTP/1.1\r\n${host}\r\n${auth}\r\n\r\n`;
const lines = (...all: string[]) => `${all.join("\r\n")}\r\n\r\n`;
const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

/** The head of a request may have been forwarded before its body turned out to be none. */
const malformedLater = Symbol("malformed later");

/**
 * Bytes of a client, and the targets of the requests that the application may count.
 *
 * The bytes end in something that closes the connection, so that nothing is waited for.
 */
function sends(
  name: string,
  source: string,
  bytes: string,
  counted: readonly string[] | typeof malformedLater,
  header?: RegExp,
): Vector<Site> {
  return {
    name,
    source,
    async attempt({ gate, application }) {
      application.requests.length = 0;
      await exchange(gate.port, bytes);
      // On the connections that are kept to the application nothing is left over from it.
      const canary = await exchange(gate.port, head("GET /canary HTTP/1.1", [auth]));
      assert.match(canary.text, /\r\n\r\n\/canary$/);
      const targets = application.requests.map(({ line }) => line.split(" ")[1]);
      if (counted === malformedLater) assert.match(targets.join(" "), /^(?:\/me )?\/canary$/);
      else assert.deepEqual(targets, [...counted, "/canary"]);
      const [first] = application.requests;
      if (header !== undefined) assert.match(first?.headers.join("\n") ?? "", header);
    },
  };
}

/** What nobody may read one way when somebody else could read it in another: nothing of it arrives. */
const refused = (name: string, source: string, bytes: string) => sends(name, source, bytes, []);

const request = (method: string, framing: readonly string[], body: string) =>
  `${lines(`${method} /me HTTP/1.1`, host, auth, ...framing)}${body}`;
const close = "Connection: close";

/** Bodies of methods that seldom have one; http-proxy makes requests of them. */
const bodies = ["DELETE", "OPTIONS", "GET", "HEAD", "POST", "PUT", "PATCH"].flatMap((method) => [
  sends(
    `${method} with a chunked body`,
    "CVE-2026-29057, http-party/node-http-proxy#1721",
    request(method, ["Transfer-Encoding: chunked", close], chunked(hidden)),
    ["/me"],
  ),
  sends(
    `${method} with a body of known length`,
    "CL.0; RFC 9110 section 9.3",
    request(method, [`Content-Length: ${hidden.length}`, close], hidden),
    ["/me"],
  ),
]);

const length = `Content-Length: ${hidden.length}`;
const codings = [
  "chunked, identity",
  "identity, chunked",
  "chunked, chunked",
  "chunked, gzip",
  "gzip, chunked",
  "identity",
  "xchunked",
  "chunkedx",
  "chunked;q=1",
  '"chunked"',
  "chunked,",
  "\vchunked",
  "chunked\v",
  "x",
  "",
].map((coding) =>
  refused(
    `Transfer-Encoding: ${JSON.stringify(coding)}`,
    "TE.TE; RFC 9112 section 6.1",
    request("POST", [`Transfer-Encoding: ${coding}`], `0\r\n\r\n${hidden}`),
  ),
);

const codingLines = [
  "Transfer-Encoding : chunked",
  "Transfer-Encoding\t: chunked",
  " Transfer-Encoding: chunked",
  "X: y\nTransfer-Encoding: chunked",
  "X: y\rTransfer-Encoding: chunked",
  "Transfer-Encoding:\r\n chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
  "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
  "Transfer-Encoding\0: chunked",
  "Transfer\xadEncoding: chunked",
].map((line) =>
  refused(
    JSON.stringify(line),
    "TE.TE; RFC 9112 sections 5.1, 5.2 and 6.1",
    request("POST", [line], `0\r\n\r\n${hidden}`),
  ),
);

const lengths = [
  "+5",
  "-1",
  "0x5",
  "5,5",
  "5, 5",
  "5 5",
  "1e1",
  "5a",
  "",
  "٥",
  "18446744073709551617",
  "5.0",
  "\v5",
].map((value) =>
  refused(
    `Content-Length: ${JSON.stringify(value)}`,
    "CL.CL; RFC 9110 section 8.6",
    request("POST", [`Content-Length: ${value}`], `xxxxx${hidden}`),
  ),
);

const both = [
  refused(
    "CL.TE",
    "RFC 9112 section 6.3",
    request("POST", [length, "Transfer-Encoding: chunked"], `0\r\n\r\n${hidden}`),
  ),
  refused(
    "TE.CL",
    "RFC 9112 section 6.3",
    request("POST", ["Transfer-Encoding: chunked", "Content-Length: 4"], chunked(hidden)),
  ),
  refused(
    "two lengths that differ",
    "RFC 9112 section 6.3",
    request("POST", ["Content-Length: 0", length], hidden),
  ),
  refused(
    "two lengths that agree",
    "RFC 9112 section 6.3: allowed to be refused",
    request("POST", [length, length], hidden),
  ),
  refused(
    "a length that an underscore hides",
    "CVE-2025-64484",
    request("POST", ["Content-Length: 0", `Content_Length: ${hidden.length}`, close], "").replace(
      "/me",
      "//x",
    ),
  ),
  sends(
    "a coding with an underscore, which codes nothing",
    "CVE-2025-64484",
    request("GET", ["Transfer_Encoding: chunked", close], ""),
    ["/me"],
  ),
  refused(
    "chunked in HTTP/1.0",
    "RFC 9112 section 6.1",
    lines("POST /me HTTP/1.0", host, auth, "Connection: keep-alive", "Transfer-Encoding: chunked") +
      chunked(hidden),
  ),
];

const chunks = [
  ["0x5", "RFC 9112 section 7.1"],
  ["+5", "RFC 9112 section 7.1"],
  ["-5", "RFC 9112 section 7.1"],
  ["5 ", "RFC 9112 section 7.1"],
  [" 5", "RFC 9112 section 7.1"],
  ["5\t", "RFC 9112 section 7.1"],
  ["", "RFC 9112 section 7.1"],
  ["g", "RFC 9112 section 7.1"],
  ["ffffffffffffffff5", "CWE-190"],
  ["5;a\nb", "CVE-2025-22871; RFC 9112 section 7.1.1"],
  ["5;a\rb", "RFC 9112 section 7.1.1"],
  ["5\n", "CVE-2025-22871"],
  ["5;a=\0", "RFC 9112 section 7.1.1"],
].map(([size = "", source = ""]) =>
  sends(
    `a chunk of size ${JSON.stringify(size)}`,
    source,
    request("POST", ["Transfer-Encoding: chunked"], `${size}\r\nxxxxx\r\n0\r\n\r\n${hidden}`),
    malformedLater,
  ),
);

const endings = [
  ["without the line break behind a chunk", "5\r\nxxxxx0\r\n\r\n"],
  ["with a bare LF behind a chunk", "5\r\nxxxxx\n0\r\n\r\n"],
  ["with a bare CR behind a chunk", "5\r\nxxxxx\r0\r\n\r\n"],
  ["longer than its size", "5\r\nxxxxxx\r\n0\r\n\r\n"],
].map(([name = "", text]) =>
  sends(
    `a chunk ${name}`,
    "RFC 9112 section 7.1",
    request("POST", ["Transfer-Encoding: chunked"], `${text}${hidden}`),
    malformedLater,
  ),
);

const extras = [
  sends(
    "a chunk extension in quotes",
    "RFC 9112 section 7.1.1",
    request("POST", ["Transfer-Encoding: chunked", close], `5;a="b;c"\r\nxxxxx\r\n0\r\n\r\n`),
    ["/me"],
  ),
  sends(
    "trailers that would frame or authorise",
    "RFC 9110 section 6.5.1",
    request(
      "POST",
      ["Transfer-Encoding: chunked", close],
      `5\r\nxxxxx\r\n0\r\nContent-Length: 9\r\ntoken: x\r\nX-User: root\r\n\r\n`,
    ),
    ["/me"],
    /^(?![\s\S]*x-user)/i,
  ),
];

const heads = [
  ["bare LF everywhere", `GET /me HTTP/1.1\n${host}\n${auth}\n\n`, "RFC 9112 section 2.2"],
  [
    "bare LF behind the request line",
    `GET /me HTTP/1.1\n${host}\r\n${auth}\r\n\r\n`,
    "RFC 9112 section 2.2",
  ],
  ["bare CR in a value", lines("GET /me HTTP/1.1", host, auth, "X: a\rb"), "RFC 9112 section 2.2"],
  ["bare CR behind a line", `GET /me HTTP/1.1\r${host}\r${auth}\r\r`, "RFC 9112 section 2.2"],
  ["NUL in a value", lines("GET /me HTTP/1.1", host, auth, "X: a\0b"), "RFC 9110 section 5.5"],
  ["a folded line", lines("GET /me HTTP/1.1", host, auth, "X: a\r\n b"), "RFC 9112 section 5.2"],
  [
    "a space before the colon",
    lines("GET /me HTTP/1.1", host, auth, "X : a"),
    "RFC 9112 section 5.1",
  ],
  [
    "a space before the first line",
    lines("GET /me HTTP/1.1", ` ${host}`, auth),
    "RFC 9112 section 2.2",
  ],
  ["a line without a colon", lines("GET /me HTTP/1.1", host, auth, "X"), "RFC 9112 section 5"],
  ["a line without a name", lines("GET /me HTTP/1.1", host, auth, ": x"), "RFC 9112 section 5"],
  ["a name in brackets", lines("GET /me HTTP/1.1", host, auth, "X[y]: x"), "RFC 9110 section 5.1"],
  [
    "a name beyond ASCII",
    lines("GET /me HTTP/1.1", host, auth, "X\xe9: x"),
    "RFC 9110 section 5.1",
  ],
  ["a tab in the request line", lines("GET\t/me\tHTTP/1.1", host, auth), "RFC 9112 section 3"],
  ["a space in the target", lines("GET /me x HTTP/1.1", host, auth), "RFC 9112 section 3.2"],
  ["HTTP/0.9", "GET /me\r\n\r\n", "RFC 9112 appendix A"],
  ["HTTP/1.2", lines("GET /me HTTP/1.2", host, auth), "RFC 9110 section 2.5"],
  ["HTTP/2.0", lines("GET /me HTTP/2.0", host, auth), "RFC 9113 section 3"],
  ["HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "RFC 9113 section 3.4"],
  ["http in lower case", lines("GET /me http/1.1", host, auth), "RFC 9112 section 2.3"],
  ["HTTP/01.1", lines("GET /me HTTP/01.1", host, auth), "RFC 9112 section 2.3"],
  ["no Host", lines("GET /me HTTP/1.1", auth), "RFC 9112 section 3.2"],
  ["two Hosts", lines("GET /me HTTP/1.1", host, "Host: b", auth), "RFC 9112 section 3.2"],
  ["a Host with user", lines("GET /me HTTP/1.1", "Host: a@b", auth), "RFC 9110 section 7.2"],
  ["a Host with a path", lines("GET /me HTTP/1.1", "Host: a/b", auth), "RFC 9110 section 7.2"],
  ["a Host with white space", lines("GET /me HTTP/1.1", "Host: a b", auth), "RFC 9110 section 7.2"],
  ["an absolute target", lines("GET http://b/me HTTP/1.1", host, auth), "RFC 9112 section 3.2.2"],
  ["CONNECT", lines("CONNECT a:1 HTTP/1.1", host, auth), "RFC 9110 section 9.3.6; traefik#13543"],
  ["TRACE", lines("TRACE /me HTTP/1.1", host, auth), "RFC 9110 section 9.3.8"],
  [
    "an upgrade to one of two",
    lines("GET /me HTTP/1.1", host, auth, "Connection: Upgrade", "Upgrade: websocket, h2c"),
    "RFC 9110 section 7.8",
  ],
  [
    "a WebSocket handshake with a body",
    request("GET", ["Connection: Upgrade", "Upgrade: websocket", length], hidden),
    "RFC 6455 section 4.1",
  ],
  [
    "another expectation",
    lines("GET /me HTTP/1.1", host, auth, "Expect: 200-ok"),
    "RFC 9110 section 10.1.1",
  ],
  [
    "two expectations",
    lines("GET /me HTTP/1.1", host, auth, "Expect: 100-continue, x"),
    "RFC 9110 section 10.1.1",
  ],
].map(([name = "", bytes = "", source = ""]) => refused(name, source, `${bytes}${hidden}`));

const nominations = [
  "token",
  "Content-Length",
  "Transfer-Encoding",
  "Host",
  "Cookie",
  "X-Forwarded-For",
  "close, token, host",
].map((nominated) =>
  sends(
    `Connection nominates ${nominated}`,
    "CVE-2024-45410; RFC 9110 section 7.6.1",
    `${lines("POST /me HTTP/1.1", host, auth, length, "Cookie: a=b", `Connection: ${nominated}`)}${hidden}` +
      lines("GET /last HTTP/1.1", host, auth, close),
    nominated.startsWith("close") ? ["/me"] : ["/me", "/last"],
    /^(?=[\s\S]*^token:)(?=[\s\S]*^host:)(?=[\s\S]*^x-forwarded-for:)(?=[\s\S]*^cookie:)/m,
  ),
);

/** Asked for by default clients, and ignored: what comes behind is judged as HTTP/1.1, and the application hears nothing of it. */
const ignoredUpgrades = [
  ["h2c", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
  ["h2c, Connection silent", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
  ["TLS", "Connection: Upgrade", "Upgrade: TLS/1.0"],
].map(([what, ...asking]) =>
  sends(
    `an upgrade to ${what}`,
    "RFC 9110 section 7.8; RFC 9113 section 3.1; h2c smuggling",
    lines("GET /me HTTP/1.1", host, auth, ...asking) +
      lines("GET /hidden HTTP/1.1", host, ...asking) +
      lines("GET /last HTTP/1.1", host, auth, close),
    ["/me", "/last"],
    /^(?![\s\S]*^(?:upgrade|http2-settings):)/im,
  ),
);

const afterRefusals = [
  sends(
    "a body behind a request without a token",
    "RFC 9112 section 6.3",
    `${lines("POST /me HTTP/1.1", host, length)}${hidden}${lines("GET /last HTTP/1.1", host, auth, close)}`,
    ["/last"],
  ),
  sends(
    "a chunked body behind a request without a token",
    "RFC 9112 section 7",
    `${lines("POST /me HTTP/1.1", host, "Transfer-Encoding: chunked")}${chunked(hidden)}${lines("GET /last HTTP/1.1", host, auth, close)}`,
    ["/last"],
  ),
  sends(
    "a body that nobody has agreed to",
    "RFC 9110 section 10.1.1",
    `${lines("POST /me HTTP/1.1", host, length, "Expect: 100-continue")}${hidden}${lines("GET /last HTTP/1.1", host, auth, close)}`,
    [],
  ),
  sends(
    "two spaces in the request line",
    "RFC 9112 section 3: allowed, its target is the same to everybody",
    lines("GET /me  HTTP/1.1", host, auth, close),
    ["/me"],
  ),
  sends(
    "line breaks before a request",
    "RFC 9112 section 2.2: allowed",
    `\r\n\r\n${lines("GET /me HTTP/1.1", host, auth, close)}`,
    ["/me"],
  ),
];

export const smuggling = defineAttacks<Site>({
  name: "Request smuggling",
  advisories: ["CVE-2026-29057", "GHSA-ggv3-7p47-pfv8", "CVE-2024-45410", "CVE-2025-22871"],
  async open(t, place) {
    const application = await startCountingApplication(t);
    return { application, gate: await place(t, { upstream: application.url }) };
  },
  vectors: [
    ...[bodies, both, codings, codingLines, lengths, chunks, endings, extras].flat(),
    ...[heads, nominations, ignoredUpgrades, afterRefusals].flat(),
  ],
});
