import { StoreUnavailableError } from "../../errors.ts";
import type { Entry } from "../denylist.ts";
import { parseEntry } from "../journal/record.ts";
import { isSoundEpochId } from "../sound.ts";
import type { KeySpace } from "./key-space.ts";

/** What a line of the feed says. */
export type FeedLine =
  | { readonly kind: "entry"; readonly entry: Entry }
  /** A shard has lost data; whoever knows what was there writes it back. */
  | { readonly kind: "lost"; readonly shard: string }
  /** An epoch has begun: its own text says the rest. */
  | { readonly kind: "epoch" }
  /** None of ours writes such lines: whoever has, has said nothing. */
  | { readonly kind: "ignored"; readonly text: string };

/** The lines that came with a reading of the feed. */
export interface FeedLines {
  /** Whether the line read last is still there; if not, `lines` are not what came behind it. */
  readonly anchored: boolean;
  readonly lines: readonly FeedLine[];
  /** Where to read on; undefined if there was no line. */
  readonly position: string | undefined;
}

/**
 * Reads what the script `read` returns.
 *
 * Throws StoreUnavailableError if it can't have returned that.
 */
export function readFeedReply(reply: unknown, keys: KeySpace): FeedLines {
  const [, anchored, lines] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (typeof anchored !== "number" || !Array.isArray(lines) || !lines.every(isStreamLine)) {
    throw new StoreUnavailableError("redis answers something else than lines of the feed");
  }
  return {
    anchored: anchored === 1,
    lines: lines.map(([, fields]) => readFeedLine(fields, keys)),
    position: lines.at(-1)?.[0],
  };
}

type StreamLine = readonly [id: string, fields: readonly string[]];

function isStreamLine(line: unknown): line is StreamLine {
  const [id, fields] = Array.isArray(line) ? (line as unknown[]) : [];
  return typeof id === "string" && Array.isArray(fields);
}

/** Reads the fields of one line: one field, called `line`. */
export function readFeedLine(fields: readonly unknown[], keys: KeySpace): FeedLine {
  const [name, text, ...more] = fields;
  if (name !== "line" || typeof text !== "string" || more.length > 0) {
    return { kind: "ignored", text: fields.map(String).join(" ") };
  }
  const entry = parseEntry(text);
  if (entry !== undefined) return { kind: "entry", entry };
  const [verb, what, ...rest] = text.split(" ");
  if (what !== undefined && rest.length === 0) {
    if (verb === "lost" && keys.hasShard(what)) return { kind: "lost", shard: what };
    if (verb === "epoch" && isSoundEpochId(what)) return { kind: "epoch" };
  }
  return { kind: "ignored", text };
}
