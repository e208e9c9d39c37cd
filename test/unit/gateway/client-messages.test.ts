import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type MessageToken, readMessage } from "../../../src/gateway/client-messages.ts";
import { maxMessageParts } from "../../../src/gateway/message-reading.ts";
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
  "auth without refresh": {
    ...{ ...common, protocol: "json", pointer: "/access_token", types: ["auth"] },
    ...{ isByMember: false, refusedMembers: ["/refresh_token"] },
  },
  "socket.io": { ...common, protocol: "socket.io", pointer: "/token" },
  events: {
    ...{ ...common, protocol: "socket.io", pointer: "/2/accessToken" },
    events: {
      login: ["create", "authentication"],
      logout: ["remove", "authentication"],
      refused: [
        ["patch", "users"],
        ["update", "api/users"],
      ],
    },
  },
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
  const place = [reading.namespace, reading.id].filter((each) => each !== undefined).join("#");
  return place === "" ? token : `${token} for ${place}`;
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
  ["auth without refresh", "a login", login, "T"],
  [
    "auth without refresh",
    "one by more than a token",
    '{"type":"auth","access_token":"T","Refresh_Token":"R"}',
    "ambiguous",
  ],
  ["auth without refresh", "another message", '{"type":"items","refresh_token":"R"}', "other"],
  ["events", "a CONNECT that carries nothing", "40", "connect"],
  ["events", "one to a namespace", "40/admin,{}", "connect"],
  ["events", "one that carries something", '40{"token":"T"}', "ambiguous"],
  ["events", "one that carries something in its namespace", "40/?token=T,", "ambiguous"],
  ["events", "a login", '420["create","authentication",{"accessToken":"T"},{}]', "T for #0"],
  [
    "events",
    "one in a namespace",
    '42/a,7["create","authentication",{"accessToken":"T"}]',
    "T for /a#7",
  ],
  ["events", "one that nobody answers", '42["create","authentication",{"accessToken":"T"}]', "T"],
  ["events", "one with slashes", '42["create","//Authentication/",{"accessToken":"T"}]', "T"],
  ["events", "one with more behind", '42["create","authentication/1",{"accessToken":"T"}]', "T"],
  ["events", "escapes", '42["create","\\u0061uthentication",{"accessToken":"T"}]', "T"],
  [
    "events",
    "attachments",
    '451-["create","authentication",{"accessToken":"T"},{"_placeholder":true,"num":0}]',
    "T",
  ],
  [
    "events",
    "a name in an attachment",
    '451-["create",{"_placeholder":true,"num":0},{"accessToken":"T"}]',
    "T",
  ],
  [
    "events",
    "a login by other means",
    '421["create","authentication",{"strategy":"local"}]',
    "missing for #1",
  ],
  [
    "events",
    "two tokens",
    '42["create","authentication",{"accessToken":"T","accessToken":"U"}]',
    "ambiguous",
  ],
  ["events", "no JSON", '42["create","authentication",', "ambiguous"],
  ["events", "another event", '42["create","messages",{"text":"authentication"}]', "other"],
  ["events", "another name that begins so", '42["create","authentications",{}]', "other"],
  ["events", "an event without that word", '42["find","messages",{}]', "other"],
  ["events", "an attachment", '451-["create","files",{"_placeholder":true,"num":0}]', "other"],
  ["events", "a logout", '422["remove","authentication",null,{}]', "logout"],
  ["events", "what must come by HTTP", '42["patch","users",1,{"password":"x"}]', "refused"],
  ["events", "its other spelling", '42["update","api\\/users/1",1,{}]', "refused"],
  ["events", "what may come", '42["find","users",{"patch":1}]', "other"],
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
