import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type MessageToken,
  maxMessageParts,
  readMessage,
} from "../../../src/gateway/client-messages.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { readCredential } from "../../../src/token/credential.ts";

const common = {
  ...{ scheme: undefined, types: [], isByMember: true },
  ...{ timeoutMs: 1000, maxMessageBytes: 1000 },
};
const protocols: Record<string, MessageToken> = {
  graphql: {
    ...common,
    protocol: "graphql",
    pointer: "/payload/Authorization",
    scheme: "bearer",
    types: ["connection_init", "init"],
  },
  json: { ...common, protocol: "json", pointer: "/access_token" },
  auth: {
    ...common,
    protocol: "json",
    pointer: "/access_token",
    types: ["auth"],
    isByMember: false,
  },
  "socket.io": { ...common, protocol: "socket.io", pointer: "/token" },
};

/** What a message is: its token, or how that is read. */
function readingOf(name: string, data: string | Buffer): string {
  const settings = protocols[name];
  assert.ok(settings);
  const isBinary = typeof data !== "string";
  const reading = readMessage(settings, { data: Buffer.from(data), isBinary });
  if (reading.kind !== "login") return reading.kind;
  const { pointer, scheme } = settings;
  const sent = { headers: new HeaderList([]), target: "/", body: { fields: reading.fields } };
  const credential = readCredential(sent, [{ kind: "json", pointer, scheme }]);
  const token = credential.kind === "found" ? credential.credential : credential.kind;
  return reading.namespace === undefined ? token : `${token} for ${reading.namespace}`;
}

function utf16be(text: string): Buffer {
  return Buffer.from(text, "utf16le").swap16();
}

function utf32(text: string): Buffer {
  const bytes = Buffer.alloc(text.length * 4);
  for (let at = 0; at < text.length; at += 1) bytes.writeUInt32LE(text.charCodeAt(at), at * 4);
  return bytes;
}

const login = '{"type":"auth","access_token":"T"}';
const cases: [string, string, string | Buffer, string][] = [
  ["graphql", "a login", '{"type":"connection_init","payload":{"Authorization":"Bearer T"}}', "T"],
  ["graphql", "one of old clients", '{"type":"init","payload":{"Authorization":"Bearer T"}}', "T"],
  ["graphql", "another type with one", '{"type":"x","payload":{"Authorization":"Bearer T"}}', "T"],
  ["graphql", "no token", '{"type":"connection_init"}', "missing"],
  [
    "graphql",
    "no scheme",
    '{"type":"connection_init","payload":{"Authorization":"T"}}',
    "ambiguous",
  ],
  [
    "graphql",
    "another letter case",
    '{"type":"connection_init","payload":{"authorization":"Bearer T"}}',
    "ambiguous",
  ],
  [
    "graphql",
    "two members",
    '{"type":"connection_init","payload":{"Authorization":"Bearer T","Authorization":"Bearer U"}}',
    "ambiguous",
  ],
  [
    "graphql",
    "a subscription",
    '{"type":"subscribe","id":"1","payload":{"query":"{ a }"}}',
    "other",
  ],
  ["graphql", "a heartbeat", '{"type":"ping"}', "heartbeat"],
  ["json", "a login", login, "T"],
  ["json", "a login in binary frames", Buffer.from(login), "T"],
  ["json", "a login with an escape", '{"type":"auth","\\u0061ccess_token":"T"}', "T"],
  ["json", "a login in UTF-16", Buffer.from(login, "utf16le"), "T"],
  ["json", "a login in UTF-16, the other way", utf16be(login), "T"],
  ["json", "a login in UTF-16 with its mark", Buffer.from(`\ufeff${login}`, "utf16le"), "T"],
  ["json", "a login in UTF-32", utf32(login), "T"],
  [
    "json",
    "a login with broken UTF-8 beside",
    Buffer.from(login.replace("auth", "\xff"), "latin1"),
    "T",
  ],
  ["json", "what only other parsers read", '{"access_token":"T","x":NaN}', "ambiguous"],
  ["json", "what says it in a text that is no JSON", "access_token=T", "other"],
  ["json", "a login behind a comment", `/**/${login}`, "ambiguous"],
  ["json", "a login behind a byte that parsers skip", `\u0001${login}`, "ambiguous"],
  ["auth", "a login behind a line comment", `#\n${login}`, "ambiguous"],
  ["json", "one in another encoding", Buffer.from("\xa1laccess_tokenaT", "latin1"), "ambiguous"],
  ["auth", "a file that names its type", Buffer.from("%PDF-1.7 \\x /Author <<", "latin1"), "other"],
  ["json", "anything else", '{"type":"items","data":[1]}', "other"],
  ["json", "bytes that begin like JSON", Buffer.from("{\x00\x01\xfe\xff", "latin1"), "other"],
  ["json", "text", "hello", "other"],
  ["auth", "the member in another type", '{"type":"device","access_token":"T"}', "other"],
  ["auth", "the type without the member", '{"type":"auth","email":"a","password":"b"}', "missing"],
  ["auth", "the type in another letter case", '{"Type":"AUTH","access_token":"T"}', "T"],
  ["socket.io", "a login", '40{"token":"T"}', "T"],
  ["socket.io", "a login to a namespace", '40/admin,{"token":"T"}', "T for /admin"],
  ["socket.io", "one with a query", '40/admin?a=b,{"token":"T"}', "T for /admin"],
  ["socket.io", "one with an id", '4012{"token":"T"}', "T"],
  ["socket.io", "one with what Python takes for a count", '401-{"token":"T"}', "T"],
  ["socket.io", "no token", "40", "missing"],
  ["socket.io", "no token for a namespace", "40/admin,", "missing for /admin"],
  ["socket.io", "no JSON", "40{token", "ambiguous"],
  ["socket.io", "an event", '42["token","T"]', "other"],
  ["socket.io", "what parsers take for a 0", '4 /admin,{"token":"T"}', "ambiguous"],
  ["socket.io", "another space for it", '4\u00a0{"token":"T"}', "ambiguous"],
  ["socket.io", "a digit of another script", '4\u0660{"token":"T"}', "ambiguous"],
  ["socket.io", "one in front", '\u06640{"token":"T"}', "ambiguous"],
  ["socket.io", "a message without a packet", "4", "ambiguous"],
  ["socket.io", "no known packet", '47["token","T"]', "ambiguous"],
  ["socket.io", "bytes in base64", "bAAAA", "other"],
  ["socket.io", "an event with bytes", '451-["token",{"_placeholder":true,"num":0}]', "other"],
  ["socket.io", "a heartbeat", "3", "heartbeat"],
  ["socket.io", "an upgrade from polling", "2probe", "other"],
];

describe("a client's message", () => {
  for (const [protocol, what, data, expected] of cases) {
    it(`of ${protocol}: ${what} is ${expected}`, () => {
      assert.equal(readingOf(protocol, data), expected);
    });
  }

  it("is not read if it has too many values and members, whatever its bytes are, and other messages pass", () => {
    const filled = (part: string, count: number) =>
      Array.from({ length: count }, () => part).join();
    const most = maxMessageParts - 3;
    for (const part of ["1", "[]", '""']) {
      const login = (count: number) => `{"access_token":"a.b.c","x":[${filled(part, count)}]}`;
      const counted = part === "[]" ? Math.floor(most / 2) : most;
      assert.equal(readingOf("json", login(counted)), "a.b.c", part);
      assert.equal(readingOf("json", login(counted + 2)), "ambiguous", part);
      const other = `{"x":[${filled(part, 2 * maxMessageParts)}]}`;
      assert.equal(readingOf("json", other), "other", part);
      assert.equal(readingOf("socket.io", `40${login(counted + 2)}`), "ambiguous", part);
    }
    const text = `{"access_token":"a.b.c","x":"${filled("[{", 2 * maxMessageParts)}"}`;
    assert.equal(readingOf("json", text), "a.b.c");
  });
});
