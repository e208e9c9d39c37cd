import type { BodyFields } from "../http/body-fields.ts";
import { folded } from "../http/repeated-members.ts";
import { type MessageReading, mayMention, readFields } from "./message-reading.ts";

/** Events of socket.io that concern tokens, each by the texts that it begins with. */
export interface SocketEvents {
  /** What logs in, in place of the CONNECT packet. */
  readonly login: readonly string[];
  /** What ends the token that the connection logged in with. */
  readonly logout: readonly string[] | undefined;
  /** What must come by HTTP. */
  readonly refused: readonly (readonly string[])[];
}

/** After `4` (a message of Engine.IO) and `0` (CONNECT): namespace, what other parsers take for a count, an id. */
const connectPacket = /^40(\/[^,]*(?:,|$))?(?:\d+-)?\d*/;
/** The same for EVENT, without and with attachments. */
const eventPacket = /^4[25](?:\d*-)?(\/[^,]*(?:,|$))?(\d*)/;
/** Packets of Engine.IO, and those in its messages, that log in nowhere. In front of base64 stands a `b`. */
const otherPacket = /^(?:[1-356b]|4[1-6])/;
/** Parsers read both digits as numbers: to them a space, or a digit of another script, may be one. */
const unreadPacket: MessageReading = { kind: "login", fields: { kind: "unreadable" } };
const maxIdLength = 16;

/** Reads a text of socket.io. `events`: what logs in is one of these; undefined: the CONNECT packet does. */
export function readPacket(text: string, events: SocketEvents | undefined): MessageReading {
  if (text === "3") return { kind: "heartbeat" };
  if (events !== undefined && /^4[25]/.test(text)) return readEvent(text, events);
  if (otherPacket.test(text)) return { kind: "other" };
  const [behind] = connectPacket.exec(text) ?? [];
  if (behind === undefined) return unreadPacket;
  const payload = text.slice(behind.length);
  if (events !== undefined)
    return carriesNothing(text, payload) ? { kind: "connect" } : unreadPacket;
  const namespace = /^40(\/[^,?]*)/.exec(behind)?.[1] ?? "";
  const fields: BodyFields = payload === "" ? { kind: "none" } : readFields(payload);
  return { kind: "login", fields, namespace };
}

/** Older clients send what they carry with the namespace. */
function carriesNothing(text: string, payload: string): boolean {
  return (payload === "" || payload === "{}") && !text.includes("?");
}

function readEvent(text: string, events: SocketEvents): MessageReading {
  const { login, logout, refused } = events;
  const mentions = mayMention(text);
  const hasAttachments = text[1] === "5";
  const mayBegin = (texts: readonly string[]) =>
    hasAttachments || texts.flatMap((each) => each.split("/")).every(mentions);
  const sought = [login, ...(logout === undefined ? [] : [logout]), ...refused].filter(mayBegin);
  if (sought.length === 0) return { kind: "other" };
  const [head = "", named, id = ""] = eventPacket.exec(text) ?? [];
  const fields = readFields(text.slice(head.length));
  if (fields.kind !== "json" || !Array.isArray(fields.value)) return unreadPacket;
  const event: readonly unknown[] = fields.value;
  const isOne = (texts: readonly string[]) => sought.includes(texts) && begins(event, texts);
  const namespace = named?.replace(/,$/, "") ?? "";
  const place = id === "" || id.length > maxIdLength ? {} : { namespace, id };
  if (isOne(login)) return { kind: "login", fields, ...place };
  if (logout !== undefined && isOne(logout)) return { kind: "logout", ...place };
  return refused.some(isOne) ? { kind: "refused", ...place } : { kind: "other" };
}

/**
 * Whether an event begins with these texts for some application: in any letter case, with slashes around them, or
 * with more of a path after one. What is no text may be taken for any.
 */
function begins(event: readonly unknown[], texts: readonly string[]): boolean {
  return texts.every((text, index) => {
    const said = event[index];
    if (typeof said !== "string") return said !== undefined;
    const [name, sought] = [withoutSlashes(folded(said)), withoutSlashes(folded(text))];
    return name === sought || name.startsWith(`${sought}/`);
  });
}

function withoutSlashes(text: string): string {
  let [from, to] = [0, text.length];
  while (text[from] === "/") from += 1;
  while (to > from && text[to - 1] === "/") to -= 1;
  return text.slice(from, to);
}
