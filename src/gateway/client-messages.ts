import { readJsonFields } from "../http/body-fields.ts";
import { stepsOf } from "../http/json-pointer.ts";
import { decodeJsonText } from "../http/json-text.ts";
import { looselyAt } from "../http/loose-fields.ts";
import { folded } from "../http/repeated-members.ts";
import type { ClientMessage } from "../upstream/message-gate.ts";
import { type MessageReading, mayMention, readFields } from "./message-reading.ts";
import { readPacket, type SocketEvents } from "./socket-packets.ts";

/** The protocols whose messages may carry a token. */
export const messageProtocols = ["graphql", "json", "socket.io"] as const;
/** One of them. */
export type MessageProtocol = (typeof messageProtocols)[number];

/** Where a WebSocket's client sends its token, if not with the handshake. */
export interface MessageToken {
  readonly protocol: MessageProtocol;
  /** A JSON Pointer into the message; with socket.io, into what its CONNECT packet carries, or into its event. */
  readonly pointer: string;
  /** In lower case; undefined: the token stands there alone. */
  readonly scheme: string | undefined;
  /** The `type` of messages that log in whatever they carry. */
  readonly types: readonly string[];
  /** Whether each message that has the member logs in, of whatever type. */
  readonly isByMember: boolean;
  /** JSON Pointers to what no message that logs in may have. */
  readonly refusedMembers?: readonly string[] | undefined;
  /** With socket.io: which events concern tokens; undefined: none does, and CONNECT logs in. */
  readonly events?: SocketEvents | undefined;
  /** How long the client may take to send the first one. */
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
}

const other: MessageReading = { kind: "other" };
const heartbeat: MessageReading = { kind: "heartbeat" };

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
  const { protocol, pointer, types, events } = messageToken;
  if (protocol === "socket.io") return isBinary ? other : readPacket(data.toString(), events);
  const text = isBinary ? decodeJsonText(data) : data.toString();
  const words = [stepsOf(pointer).at(-1) ?? "", ...types];
  if (words.some(mayMention(text))) return readMember(text, messageToken, isBinary);
  return isHeartbeat(text) ? heartbeat : other;
}

function readMember(
  text: string,
  { pointer, types, isByMember, refusedMembers = [] }: MessageToken,
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
  if (!logsIn) return other;
  const mayMeanOther = refusedMembers.some(
    (member) => looselyAt(fields.value, stepsOf(member)) !== undefined,
  );
  return { kind: "login", fields: mayMeanOther ? { kind: "unreadable" } : fields };
}

/** Protocols of JSON have such messages of their own: graphql-transport-ws, Directus. */
function isHeartbeat(text: string): boolean {
  if (text.length > 1024) return false;
  const fields = readJsonFields(text);
  if (fields.kind !== "json") return false;
  const type = looselyAt(fields.value, ["type"]);
  return type === "ping" || type === "pong";
}
