import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { startApplication } from "../../helpers/application.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { defineAttacks, type Gatekeeper, type Vector } from "../attack.ts";
import { exchange, head } from "../exchange.ts";
import { refreshTokenRead, tokenRead } from "../lenient-application.ts";

interface Site {
  readonly gate: Gatekeeper;
}

/** A request with somebody's token that was logged out, and the sender's own that is live. */
type Lines = (dead: string, live: string) => readonly string[];

async function loggedOutToken({ gate }: Site): Promise<string> {
  const dead = makeToken();
  const lines = [`token: ${dead}`, "Content-Length: 0"];
  const { status } = await exchange(gate.port, head("POST /logout HTTP/1.1", lines));
  assert.equal(status, 200);
  return dead;
}

/** The application must not go by a token that was logged out, wherever it finds it. */
function readElsewhere(name: string, source: string, lines: Lines): Vector<Site> {
  return {
    name,
    source,
    async attempt(site) {
      const { gate } = site;
      const dead = await loggedOutToken(site);
      for (const path of ["/me", "/articles/1"]) {
        const request = head(`GET ${path} HTTP/1.1`, lines(dead, makeToken()));
        const { status, headers } = await exchange(gate.port, request);
        assert.ok(status === 401 || headers["went-by"] !== dead, `${path}: went by the dead token`);
      }
    },
  };
}

/** What stands between the scheme and the token, or in front of both. */
const spacings: readonly [name: string, written: (dead: string) => string, source: string][] = [
  ["a tab", (dead) => `Bearer\t${dead}`, "RFC 9110 section 5.6.3; passport-jwt 4, Flask-JWT"],
  ["a space and a tab", (dead) => `Bearer \t${dead}`, "RFC 9110 section 5.6.3"],
  ["a tab and a space", (dead) => `bearer\t ${dead}`, "RFC 9110 section 5.6.3"],
  ["a no-break space", (dead) => `Bearer\xa0${dead}`, "ECMA-262 section 12.2; passport-jwt 4"],
  ["a no-break space in UTF-8", (dead) => `Bearer\xc2\xa0${dead}`, "Go: strings.Fields"],
  ["NEL", (dead) => `Bearer\x85${dead}`, "Python: str.split"],
  ["a no-break space in front", (dead) => `\xa0Bearer ${dead}`, "ECMA-262: trim"],
  ["a character cut off with the scheme", (dead) => `Bearer:${dead}`, "header.slice(7)"],
  ["a letter cut off with the scheme", (dead) => `Bearerx${dead}`, "header.slice(7)"],
  ["another scheme", (dead) => `Token ${dead}`, "header.split(' ')[1]"],
  ["two schemes", (dead) => `Basic Bearer ${dead}`, "header.split(' ').pop()"],
];

const schemes = spacings.flatMap(([name, written, source]) => [
  readElsewhere(`a scheme and ${name}, beside the sender's own token`, source, (dead, live) => [
    `token: ${live}`,
    `Authorization: ${written(dead)}`,
  ]),
  readElsewhere(`a scheme and ${name}, alone`, source, (dead) => [
    `Authorization: ${written(dead)}`,
  ]),
]);

const cookies = [
  ["in another letter case", (dead: string) => `Session=${dead}`, "ASP.NET Core"],
  ["behind white space", (dead: string) => `a=b session=${dead}`, "Python: http.cookies"],
  ["behind a comma", (dead: string) => `a=b, session=${dead}`, "RFC 2109 section 4.3.4"],
  ["encoded", (dead: string) => `sess%69on=${dead}`, "Rack 2"],
].map(([name, written, source]) =>
  readElsewhere(`a cookie ${name}`, String(source), (dead, live) => [
    `token: ${live}`,
    `Cookie: ${(written as (dead: string) => string)(dead)}`,
  ]),
);

const form = "application/x-www-form-urlencoded";
const bodies = [
  ["in another letter case", (dead: string) => `{"Refresh_Token":"${dead}"}`, "Go: encoding/json"],
  ["in a list", (dead: string) => `{"refresh_token":["${dead}"]}`, "mysqljs: lists in parameters"],
  ["in a form", (dead: string) => `refresh_token=${dead}`, "Django REST framework: parsers", form],
].flatMap(([name, written, source, type = "application/json"]) =>
  [true, false].map((beside) =>
    inBody(`a member ${name}${beside ? ", beside the sender's own token" : ""}`, String(source), {
      beside,
      type: String(type),
      body: written as (dead: string) => string,
    }),
  ),
);

interface Body {
  /** Whether the sender's own token is in a header. */
  readonly beside: boolean;
  readonly type: string;
  readonly body: (dead: string) => string;
}

function inBody(name: string, source: string, { beside, type, body }: Body): Vector<Site> {
  return {
    name,
    source,
    async attempt(site) {
      const dead = await loggedOutToken(site);
      const sent = body(dead);
      const lines = [`Content-Type: ${type}`, `Content-Length: ${sent.length}`];
      const own = beside ? [`token: ${makeToken()}`] : [];
      for (const path of ["/refresh", "/refresh-if-any"]) {
        const request = head(`POST ${path} HTTP/1.1`, [...own, ...lines]) + sent;
        const { status, headers } = await exchange(site.gate.port, request);
        assert.ok(status === 401 || headers["went-by"] !== dead, `${path}: went by the dead token`);
      }
    },
  };
}

/** At an application that finds a token wherever any framework would. */
export const readings = defineAttacks<Site>({
  name: "A token beside the one that is judged",
  advisories: ["CWE-436", "CWE-863"],
  async open(t, place) {
    const { url } = await startApplication(t, async (request, response) => {
      const body = await text(request);
      const token = refreshTokenRead(body) ?? tokenRead(request);
      response.writeHead(200, token === undefined ? {} : { "went-by": token }).end();
    });
    const yaml = `
tokens:
  keys: [ { publicKeyFile: public.pem } ]
  from: [ { header: token }, { header: authorization, scheme: Bearer }, { cookie: session } ]
routes:
  - { path: /articles/*, access: optional }
  - { path: /logout, methods: [POST], revoke: token }
  - { path: /refresh, from: [ { header: token }, { requestJson: /refresh_token } ] }
  - { path: /refresh-if-any, access: optional, from: [ { header: token }, { requestJson: /refresh_token } ] }
log: { level: silent }
`;
    return { gate: await place(t, { upstream: url, yaml }) };
  },
  vectors: [...schemes, ...cookies, ...bodies],
});
