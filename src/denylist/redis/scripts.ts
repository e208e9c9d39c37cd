import { page, put, values } from "./entry-scripts.ts";
import { beat, confirm, establish } from "./epoch-scripts.ts";
import { look, read } from "./log-scripts.ts";
import { part, putHead, putPart } from "./snapshot-scripts.ts";

/**
 * KEYS 1: a text. ARGV: what was found there, what is to stand there. Returns what stands there then.
 *
 * Something that none of ours has written is `unreadable!`, which is no entry's text.
 */
const exchange = `
local held = redis.pcall('GET', KEYS[1])
if not held then held = '' end
if type(held) ~= 'string' or #held > 600 or string.find(held, '[^%w ._:%-]') then held = 'unreadable!' end
if held ~= ARGV[1] or held == ARGV[2] then return held end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
`;

/**
 * What revgate does in Redis, as scripts: each reads or writes in one atomic step with a reading of the
 * server's state, so that no answer can belong to another server, or to another life of it, than the state
 * that came with it.
 *
 * All keys of a script share a slot; the first five are always the shard's (`KeySpace.stateKeys`): epoch,
 * grace period, guard, awaited sidecars, log. docs/decisions/0031 says what each is for. Where no answer can come of it, the state is
 * left out: `beat`, `exchange`.
 *
 * No line has two commands: what a user may not do is told by the line in which it failed.
 */
export const scripts = {
  values,
  page,
  put,
  read,
  look,
  establish,
  confirm,
  beat,
  exchange,
  part,
  putPart,
  putHead,
} as const;
/** One of them. */
export type ScriptName = keyof typeof scripts;

/** The command in a line of a script, as Redis counts lines; undefined if there is none. */
export function commandAt(name: ScriptName, line: number): string | undefined {
  return /redis\.p?call\('(\w+)'/
    .exec(scripts[name].split("\n")[line - 1] ?? "")?.[1]
    ?.toLowerCase();
}
