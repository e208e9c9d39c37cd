import type { KeySpace } from "./key-space.ts";
import {
  compareIds,
  maxLineBytes,
  readStreamLines,
  type StreamLine,
  type Tail,
} from "./log-line.ts";
import type { ShardState } from "./store-state.ts";

/** Max lines that such a reading brings. */
export const maxSteadyLines = 50;

/** As the scripts have it: longer than the text of any line that a sidecar writes. */
const maxTextBytes = 200;
const maxFields = 4;

/** What the last full reading found, in a store that can be trusted. */
export interface SteadyState {
  readonly state: ShardState & { readonly kind: "trusted" };
  /** The guard's text, as it stands in the store. */
  readonly guard: string;
  /** Of which connection it is; another one may lead to another server, or to another life of it. */
  readonly connection: number;
  /** When it was asked for, by the monotonic clock. */
  readonly askedMs: number;
}

/** What came since, if nothing else has changed. */
export interface SteadyReading {
  readonly lines: readonly StreamLine[];
  /** Whether there may be more lines after them. */
  readonly more: boolean;
  /** How many sidecars have beaten, those included that left or died of late. */
  readonly sidecars: number;
}

/**
 * Commands that tell, in one step, whether everything is as a full reading found it, and what came into the feed
 * after a line. They cost Redis a sixth of the script: no INFO, whose run id can't change on a connection.
 */
export function steadyCommands(keys: KeySpace, position: Tail): (readonly (string | number)[])[] {
  const [epoch, grace, guard, , feed] = keys.stateKeys(keys.feedShard);
  return [
    ["mget", epoch, guard, grace],
    ["role"],
    ["hlen", keys.rosterKeys[0]],
    // The line itself, too: that it is where it was proves that nothing before it was lost.
    ["xrange", feed, position.id, "+", "COUNT", maxSteadyLines + 1],
  ];
}

/** Whether lines after this one can be asked for so: it comes with each answer, and must not be long. */
export function isShortLine({ text }: Tail): boolean {
  return !text.startsWith("many ") && !text.startsWith("unreadable ");
}

/**
 * Reads the answers to these commands; undefined if anything is not as it was, which a full reading then looks into.
 *
 * `tail`: the last line that is known to be there. One before the position is, since that is.
 */
export function readSteady(
  replies: readonly unknown[],
  { state, guard }: Pick<SteadyState, "state" | "guard">,
  { position, tail }: { readonly position: Tail; readonly tail: Tail },
): SteadyReading | undefined {
  const [texts, role, sidecars, found] = replies;
  const [epochText, guardText, graceText] = Array.isArray(texts) ? (texts as unknown[]) : [];
  if (epochText !== state.found || guardText !== guard || graceText !== null) return undefined;
  if (!Array.isArray(role) || role[0] !== "master") return undefined;
  if (typeof sidecars !== "number") return undefined;
  const [first, ...lines] = readStreamLines(found).map(bounded);
  if (first === undefined || !isThere(first, position)) return undefined;
  const more = lines.length >= maxSteadyLines;
  const isTailThere =
    compareIds(tail.id, position.id) < 0 ||
    [first, ...lines].some((line) => isThere(line, tail)) ||
    (more && compareIds(tail.id, lines.at(-1)?.[0] ?? "0-0") > 0);
  return isTailThere ? { lines, more, sidecars } : undefined;
}

function isThere([id, fields]: StreamLine, { id: known, text }: Tail): boolean {
  return id === known && fields[1] === text;
}

/** What no sidecar can have written is told by its size, as by the script. */
function bounded([id, fields]: StreamLine): StreamLine {
  const text = String(fields[1] ?? "");
  const bytes = fields.reduce((sum: number, field) => sum + String(field).length, 0);
  const isOurs = fields.length <= maxFields && text.length <= maxTextBytes && bytes <= maxLineBytes;
  if (isOurs) return [id, fields];
  return [id, ["", text.length > maxTextBytes ? `unreadable ${text.length}` : text]];
}
