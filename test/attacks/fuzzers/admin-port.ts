import assert from "node:assert/strict";
import { fc } from "../../helpers/fast-check.ts";
import { send, statusesIn } from "../../helpers/http.ts";
import type { BuiltGate } from "../../helpers/program.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import { type Fuzzer, type FuzzOptions, tryEach } from "./fuzzer.ts";
import { hostileJson, hostileNumbers, hostileText, mutationsOf, piecesOf } from "./hostile.ts";
import { forgedTokens, signedTokens } from "./hostile-tokens.ts";
import { assertUnharmed, converse, secret, startFuzzed } from "./listener.ts";

const paths = [
  ...[
    "/",
    "/latest",
    "/overview",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/revoke",
    "/drain",
  ],
  ...["/introspect", "/explain", "/revocations", "/backchannel-logout", "/events"],
];
const path = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...paths) },
  { weight: 1, arbitrary: hostileText },
  { weight: 1, arbitrary: fc.constantFrom("//", "///", "*", "http://a:99999/", "http://[", "?") },
);
const query = fc.oneof(
  { weight: 4, arbitrary: fc.constant("") },
  fc
    .tuple(fc.constantFrom("limit", "after", "x", "__proto__"), fc.constantFrom(...hostileNumbers))
    .map(([name, value]) => `?${name}=${encodeURIComponent(value)}`),
  hostileText.map((text) => `?${text}`),
);
const method = fc.constantFrom(
  "POST",
  "POST",
  "POST",
  "GET",
  "GET",
  "HEAD",
  "PUT",
  "OPTIONS",
  "CONNECT",
  "QUERY",
);

const header = fc.oneof(
  fc
    .tuple(
      fc.constantFrom("Host", "Authorization", "Content-Type", "Cookie", "Accept", "Origin", "X"),
      hostileText,
    )
    .map(([name, value]) => `${name}: ${value}`),
  fc.constantFrom(
    ...["Expect: 100-continue", "Expect: 200-ok", "Connection: Upgrade", "Upgrade: websocket"],
    ...["Upgrade: h2c", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "TE: trailers"],
    ...["Content-Length: 0", "Content-Length: 99999999", "Content-Length: -1", "Connection: close"],
    ...["Authorization: Bearer", "Authorization: Bearer wrong", "Authorization: Basic eDp4"],
  ),
);

interface Body {
  readonly type: string;
  readonly text: string;
}

const form = (name: string, token: fc.Arbitrary<string>): fc.Arbitrary<Body> =>
  token.map((text) => ({
    type: "application/x-www-form-urlencoded",
    text: new URLSearchParams({ [name]: text }).toString(),
  }));

const bodies = (token: fc.Arbitrary<string>): fc.Arbitrary<Body> =>
  fc.oneof(
    form("token", token),
    form("logout_token", token),
    token.map((text) => ({ type: "application/secevent+jwt", text })),
    fc
      .tuple(fc.constantFrom("subject", "sid", "jti", "issuer", "__proto__"), hostileJson)
      .map(([name, value]) => ({ type: "application/json", text: `{"${name}":${value}}` })),
    hostileJson.map((text) => ({ type: "application/json", text })),
    hostileText.map((text) => ({ type: "text/plain", text })),
  );

/** The bytes of a request, with a right frame more often than not. */
const requestsWith = (token: fc.Arbitrary<string>, credentials: readonly string[]) =>
  fc
    .tuple(method, path, query, fc.array(header, { maxLength: 3 }), bodies(token), fc.nat(4))
    .map(([verb, target, search, more, { type, text }, way]) => {
      const body = Buffer.from(text);
      const framing = way === 0 ? [] : [`Content-Length: ${body.length}`];
      const lines = [
        `${verb} ${target}${search} HTTP/1.1`,
        ...["Host: localhost", `Content-Type: ${type}`],
        ...[...credentials, ...framing, ...more],
      ];
      return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]);
    });

type Sent = readonly [bytes: Buffer, cuts: readonly number[]];

const sent = (requests: fc.Arbitrary<Buffer>): fc.Arbitrary<Sent> =>
  fc.tuple(
    fc.oneof(
      { weight: 3, arbitrary: requests },
      { weight: 2, arbitrary: mutationsOf(requests) },
      // Several on one connection.
      {
        weight: 1,
        arbitrary: fc.array(requests, { maxLength: 5 }).map((all) => Buffer.concat(all)),
      },
      {
        weight: 1,
        arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      },
    ),
    fc.array(fc.nat(100_000), { maxLength: 3 }),
  );

const checkEvery = 200;

/** Sends what somebody may send; nothing is answered with 500, and the process is unharmed. */
async function attempt(gate: BuiltGate, [bytes, cuts]: Sent): Promise<number[]> {
  const port = Number(new URL(gate.adminUrl).port);
  const statuses = statusesIn(await converse({ port, host: "127.0.0.1" }, piecesOf(bytes, cuts)));
  for (const status of statuses) assert.ok(status < 500 || status === 503, `${status}`);
  return statuses;
}

/** Without the secret: nothing ends, and the operator is answered all the while. */
async function fuzzStrangers(gate: BuiltGate, options: FuzzOptions) {
  const counts = { strangers: 0, answered: 0 };
  await tryEach(sent(requestsWith(forgedTokens, [])), options, async (input) => {
    counts.strangers += 1;
    counts.answered += (await attempt(gate, input)).length;
    if (counts.strangers % checkEvery !== 0) return;
    await assertUnharmed(gate);
    const headers = { authorization: `Bearer ${secret}` };
    const { status, json } = await send(`${gate.adminUrl}/revocations`, { headers });
    assert.deepEqual([status, json["revocations"]], [200, []]);
  });
  return counts;
}

/** With the secret, and with events that are signed: hostile values in the right places. */
async function fuzzInsiders(gate: BuiltGate, options: FuzzOptions) {
  const counts = { insiders: 0, answered: 0, done: 0 };
  const requests = requestsWith(fc.oneof(signedTokens, forgedTokens), [
    `Authorization: Bearer ${secret}`,
  ]);
  await tryEach(sent(requests), options, async (input) => {
    counts.insiders += 1;
    const statuses = await attempt(gate, input);
    counts.answered += statuses.length;
    counts.done += statuses.filter((status) => status < 300).length;
    if (counts.insiders % checkEvery === 0) await assertUnharmed(gate);
  });
  return counts;
}

/** The admin port, from both sides of its secret. */
export const adminPortFuzzer: Fuzzer = {
  name: "admin-port",
  claim:
    "the admin port answers or closes, ends nothing for strangers, and needs no last line of defence",
  // Of 1000 by insiders 38 are carried out, give or take 6: fewer than 10 are not by chance.
  short: { runs: 2000, timeLimitMs: 100_000, atLeast: { strangers: 100, insiders: 100, done: 10 } },
  async fuzz(t, { timeLimitMs, runs, ...options }) {
    const gate = await startFuzzed(t, temporaryDirectory(t));
    const half = { ...options, runs: Math.ceil(runs / 2), timeLimitMs: timeLimitMs / 2 };
    const strangers = await fuzzStrangers(gate, half);
    const insiders = await fuzzInsiders(gate, half);
    await assertUnharmed(gate);
    // What came in must not keep it from starting again.
    assert.equal(await gate.end("SIGTERM"), 0);
    return { ...strangers, ...insiders, answered: strangers.answered + insiders.answered };
  },
};
