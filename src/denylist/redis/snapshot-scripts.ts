import { state } from "./script-state.ts";

/** More than any part has. Of what is longer nothing is handed over. */
const maxPartBytes = 2_000_000;

/**
 * KEYS 6: a part of a snapshot, or the text that says what a snapshot is. Returns the state, and what stands there ('' if there is
 * nothing).
 */
export const part = `${state}
local text = redis.pcall('GET', KEYS[6])
if type(text) ~= 'string' or #text > ${maxPartBytes} then text = '' end
return {state(), text}
`;

/**
 * KEYS 6: a part of a snapshot. ARGV: the epoch that it is for, as it stands in the store; the text; its life in seconds.
 *
 * Returns the state, and 1 if it was written.
 */
export const putPart = `${state}
if textAt(KEYS[1]) ~= ARGV[1] or string.sub(ARGV[1], -#server) ~= server then return {state(), 0} end
redis.call('SET', KEYS[6], ARGV[2], 'EX', ARGV[3])
return {state(), 1}
`;

/**
 * KEYS 6: what says which snapshot there is; 7…: parts that are needed no more. ARGV: the epoch that it is for, as it stands in the store;
 * what was found there; what is to stand there; its life in seconds; the line of the log up to which the snapshot goes, by id and
 * text; for how many milliseconds the old parts are still to be read.
 *
 * Nothing is written if any of it is not as it was found. Returns the state, and 1 if it was written.
 */
export const putHead = `${state}
if textAt(KEYS[1]) ~= ARGV[1] or string.sub(ARGV[1], -#server) ~= server then return {state(), 0} end
local held = redis.pcall('GET', KEYS[6])
if type(held) == 'table' then held = 'unreadable' end
if (held or '') ~= ARGV[2] then return {state(), 0} end
local line = redis.call('XRANGE', KEYS[5], ARGV[5], ARGV[5])
if #line ~= 1 or line[1][2][2] ~= ARGV[6] then return {state(), 0} end
redis.call('SET', KEYS[6], ARGV[3], 'EX', ARGV[4])
for i = 7, #KEYS do
  redis.call('PEXPIRE', KEYS[i], ARGV[7])
end
return {state(), 1}
`;
