import { type BodyFields, readJsonFields } from "../http/body-fields.ts";
import { countParts } from "../http/json.ts";
import { stepsOf } from "../http/json-pointer.ts";
import { decodeJsonText } from "../http/json-text.ts";
import { looselyAt } from "../http/loose-fields.ts";
import { folded } from "../http/repeated-members.ts";
import type { ClientMessage } from "../upstream/message-gate.ts";

/** The protocols whose messages may carry a token. */
export const messageProtocols = ["graphql", "json", "socket.io"] as const;
/** One of them. */
export type MessageProtocol = (typeof messageProtocols)[number];

/** Where a WebSocket's client sends its token, if not with the handshake. */
export interface MessageToken {
  readonly protocol: MessageProtocol;
  /** A JSON Pointer into the message; with socket.io, into what its CONNECT packet carries. */
  readonly pointer: string;
  /** In lower case; undefined: the token stands there alone. */
  readonly scheme: string | undefined;
  /** The `type` of messages that log in whatever they carry. */
  readonly types: readonly string[];
  /** Whether each message that has the member logs in, of whatever type. */
  readonly isByMember: boolean;
  /** How long the client may take to send the first one. */
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
}

/** What a message is, as far as its token is concerned. */
export type MessageReading =
  /** It logs in, or tries to. `namespace`: what it logs in to, in socket.io. */
  | { readonly kind: "login"; readonly fields: BodyFields; readonly namespace?: string | undefined }
  /** It keeps the connection open, and may come first. */
  | { readonly kind: "heartbeat" }
  | { readonly kind: "other" };

const other: MessageReading = { kind: "other" };
const heartbeat: MessageReading = { kind: "heartbeat" };
/** After `4` (a message of Engine.IO) and `0` (CONNECT): namespace, what other parsers take for a count, an id. */
const connectPacket = /^40(\/[^,]*(?:,|$))?(?:\d+-)?\d*/;
/** Packets of Engine.IO, and those in its messages, that log in nowhere. In front of base64 stands a `b`. */
const otherPacket = /^(?:[1-356b]|4[1-6])/;
/** Parsers read both digits as numbers: to them a space, or a digit of another script, may be one. */
const unreadPacket: MessageReading = { kind: "login", fields: { kind: "unreadable" } };

/**
 * Values and members of a message that may log in. It is read in one turn of the event loop, so a megabyte of empty
 * lists would keep all other requests waiting (decision 0066).
 */
export const maxMessageParts = 16_384;

/**
 * Reads a message of a client's as widely as an application may: in binary frames, in any encoding of JSON, with the
 * names of members in any letter case.
 *
 * What can't be read, and may log in, is a login that can't be read.
 */
export function readMessage(
  messageToken: MessageToken,
  { data, isBinary }: ClientMessage,
): MessageReading {
  const { protocol, pointer, types } = messageToken;
  if (protocol === "socket.io") return isBinary ? other : readPacket(data.toString());
  const text = isBinary ? decodeJsonText(data) : data.toString();
  const words = [stepsOf(pointer).at(-1) ?? "", ...types];
  if (mayMention(text, words)) return readMember(text, messageToken, isBinary);
  return isHeartbeat(text) ? heartbeat : other;
}

function readMember(
  text: string,
  { pointer, types, isByMember }: Pick<MessageToken, "pointer" | "types" | "isByMember">,
  isBinary: boolean,
): MessageReading {
  const fields = readFields(text);
  if (fields.kind !== "json") {
    // Some parsers skip comments. Bytes may be objects in another encoding, with the names as they are.
    const member = folded(stepsOf(pointer).at(-1) ?? "");
    const mayLogIn =
      /^\s*[[{]/.test(text) || (isBinary ? folded(text).includes(member) : /[[{]/.test(text));
    return mayLogIn ? { kind: "login", fields } : other;
  }
  const type = folded(String(looselyAt(fields.value, ["type"])));
  const logsIn =
    types.some((one) => folded(one) === type) ||
    (isByMember && looselyAt(fields.value, stepsOf(pointer)) !== undefined);
  return logsIn ? { kind: "login", fields } : other;
}

/** Whether one of these words may be in a text: most messages are not read any more than that. */
function mayMention(text: string, words: readonly string[]): boolean {
  if (/\\[ux]/i.test(text)) return true;
  const inOneCase = folded(text);
  return words.some((word) => inOneCase.includes(folded(word)));
}

/** Protocols of JSON have such messages of their own: graphql-transport-ws, Directus. */
function isHeartbeat(text: string): boolean {
  if (text.length > 1024) return false;
  const fields = readJsonFields(text);
  if (fields.kind !== "json") return false;
  const type = looselyAt(fields.value, ["type"]);
  return type === "ping" || type === "pong";
}

function readPacket(text: string): MessageReading {
  if (text === "3") return heartbeat;
  if (otherPacket.test(text)) return other;
  const [behind] = connectPacket.exec(text) ?? [];
  if (behind === undefined) return unreadPacket;
  const payload = text.slice(behind.length);
  const namespace = /^40(\/[^,?]*)/.exec(behind)?.[1];
  const fields: BodyFields = payload === "" ? { kind: "none" } : readFields(payload);
  return { kind: "login", fields, namespace };
}

function readFields(text: string): BodyFields {
  const isTooMuch = countParts(text, maxMessageParts) > maxMessageParts;
  return isTooMuch ? { kind: "unreadable" } : readJsonFields(text);
}
