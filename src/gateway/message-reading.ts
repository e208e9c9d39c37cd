import { type BodyFields, readJsonFields } from "../http/body-fields.ts";
import { countParts } from "../http/json.ts";
import { folded } from "../http/repeated-members.ts";

/** What a WebSocket client's message is, as far as its token is concerned. */
export type MessageReading =
  /** It logs in, or tries to. */
  | (SocketPlace & { readonly kind: "login"; readonly fields: BodyFields })
  /** It ends the token that the connection has, in socket.io. */
  | (SocketPlace & { readonly kind: "logout" })
  /** It must come by HTTP, in socket.io. */
  | (SocketPlace & { readonly kind: "refused" })
  /** It opens a namespace of socket.io, and carries nothing: an event logs in. */
  | { readonly kind: "connect" }
  /** It keeps the connection open, and may come first. */
  | { readonly kind: "heartbeat" }
  | { readonly kind: "other" };

/** Where a client of socket.io waits for an answer. */
export interface SocketPlace {
  /** Undefined: nowhere. */
  readonly namespace?: string | undefined;
  /** The id of its event; undefined: it has sent CONNECT. */
  readonly id?: string | undefined;
}

/**
 * Values and members of a message that may log in. It is read in one turn of the event loop, so a megabyte of empty
 * lists would keep all other requests waiting (decision 0066).
 */
export const maxMessageParts = 16_384;

/** Reads the JSON of a message, if it holds no more than that. */
export function readFields(text: string): BodyFields {
  const isTooMuch = countParts(text, maxMessageParts) > maxMessageParts;
  return isTooMuch ? { kind: "unreadable" } : readJsonFields(text);
}

/** Which of these words may be in a text: most messages are not read any more than that. */
export function mayMention(text: string): (word: string) => boolean {
  if (/\\[ux]/i.test(text)) return () => true;
  const inOneCase = folded(text);
  return (word) => inOneCase.includes(folded(word));
}
