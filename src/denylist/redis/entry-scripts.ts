import { latestSecond } from "../sound.ts";
import { joinedCuts, maxCutBytes } from "./cut-scripts.ts";
import { lineAt } from "./log-scripts.ts";
import { state } from "./script-state.ts";

/**
 * The most bytes of a value that are handed over, but for a subject's. No value of an entry is half as long: the beginning of
 * a longer one is no more a revocation's than all of it, and a sidecar that loads millions of entries need not hold it.
 */
const maxValueBytes = 100;

/** Cuts values that are longer than any of ours; false stands for one that is not there. */
const readable = `
local function readable(values, keys, first)
  for i, value in ipairs(values) do
    if value and #value > ${maxValueBytes} then
      local isCut = string.sub(keys[first + i - 1], -47, -44) == 'sub:'
      values[i] = string.sub(value, 1, isCut and ${maxCutBytes} or ${maxValueBytes})
    end
  end
  return values
end
`;

/** KEYS 6…: entries. Returns the state and the value of each, nil if there is none. */
export const values = `${state}${readable}
local found = {}
if #KEYS > 5 then found = redis.call('MGET', unpack(KEYS, 6)) end
return {state(), readable(found, KEYS, 6)}
`;

/**
 * ARGV: where the listing goes on, a pattern, about how many keys, 1 for texts that may have line feeds in them.
 *
 * Returns the state, where it goes on from there ('0': nowhere), how many keys match, these keys, and the value of
 * each: lists, or, which costs their reader a quarter, lines of one text.
 *
 * On a server by itself: it names keys that it was not given. Keys that are longer than any entry's are left out.
 */
export const page = `${state}${readable}
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local held = {}
if #found[2] > 0 then held = redis.call('MGET', unpack(found[2])) end
readable(held, found[2], 1)
local keys, texts = {}, {}
for i, key in ipairs(found[2]) do
  if held[i] and #key <= #ARGV[2] + 43 then
    keys[#keys + 1] = key
    texts[#texts + 1] = held[i]
  end
end
if ARGV[4] == '1' then return {state(), found[1], #keys, keys, texts} end
return {state(), found[1], #keys, table.concat(keys, '\\n'), table.concat(texts, '\\n')}
`;

/** How much longer a key lives in Redis than its entry: for tidying up only, so that it errs long. */
export const slackSeconds = 15 * 60;

/**
 * KEYS 6…: entries. ARGV 1: the epoch that it is for, as it stands in the store; 2: milliseconds for which a
 * running grace period is to go on, at least; 3: how many lines the log keeps, about; 4 and 5: id and text of a line that must
 * still be there (''; none must); 6: how many lines to add; then each line with its details; then for each entry its expiry
 * and its cut-off with what that spares ('' without one), in seconds since 1970, or "=" and its session or beginning, and its
 * life in seconds by the writer's clock.
 *
 * Of two expiries and lives the later holds, and of two cut-offs whatever one of them ends; a value that none of ours
 * has written is replaced. The life is relative, and only for tidying up: by Redis's clock it may be longer, and the
 * longer one holds, since the writer's clock may be ahead.
 * The lines come behind the keys, in the same step: a line that is there says that its keys are. Returns the
 * state, the id of the last line ('' if it is another epoch, or the log went back, and nothing was written), how many entries
 * were there, and where the line is that must be there.
 */
export const put = `${state}${joinedCuts}${lineAt}
if textAt(KEYS[1]) ~= ARGV[1] or string.sub(ARGV[1], -#server) ~= server then
  return {state(), '', 0, 'unknown'}
end
local before = {'unknown', ''}
if ARGV[4] ~= '' then before = lineAt(ARGV[4]) end
if before[1] == 'gone' or before[1] == 'there' and before[2] ~= ARGV[5] then
  return {state(), '', 0, 'gone'}
end
local function bounded(digits)
  return digits and digits ~= '' and #digits <= 10 and tonumber(digits) <= ${latestSecond}
end
local function outlives(key, value, fact)
  local held = redis.pcall('GET', key)
  local heldExpiry, heldFact = string.match(type(held) == 'string' and held or '', '^(%d+) (.*)$')
  return bounded(heldExpiry) and heldFact == fact
    and tonumber(heldExpiry) > tonumber(string.match(value, '^%d+'))
end
local function valueOf(...)
  return string.match(table.concat({...}, ' '), '^(.-) *$')
end
local now = tonumber(redis.call('TIME')[1])
local function lifeOf(at)
  return math.max(tonumber(ARGV[at + 2]), tonumber(ARGV[at]) - now + ${slackSeconds})
end
local function merge(key, at, cutoff, sparing)
  local expiry, life = tonumber(ARGV[at]), lifeOf(at)
  local held = redis.pcall('GET', key)
  local heldExpiry, heldCutoff, heldSparing
  if type(held) == 'string' and #held <= ${maxCutBytes} then
    heldExpiry, heldCutoff, heldSparing = string.match(held, '^(%d+) ?(%d*) ?([%w_/;-]*)$')
    if heldSparing and not isSparing(heldSparing) then heldExpiry = nil end
  end
  if bounded(heldExpiry) and (cutoff == '') == (heldCutoff == '') then
    expiry = math.max(expiry, tonumber(heldExpiry))
    life = math.max(life, math.min(redis.call('TTL', key), ${latestSecond}))
    if bounded(heldCutoff) then cutoff, sparing = joinCuts(cutoff, sparing, heldCutoff, heldSparing) end
  end
  redis.call('SET', key, valueOf(string.format('%.0f', expiry), cutoff, sparing), 'EX', life)
end
local lines = tonumber(ARGV[6])
local first = 7 + 2 * lines
local there = 0
for i = 6, #KEYS do
  local at = first + (i - 6) * 3
  local cut, life = ARGV[at + 1], lifeOf(at)
  local session = string.match(cut, '^=(.*)$')
  local cutoff, sparing = string.match(session and '' or cut, '^(%d*) ?(%S*)$')
  local value = valueOf(ARGV[at], session or cut)
  if not redis.call('SET', KEYS[i], value, 'EX', life, 'NX') then
    there = there + 1
    if not session then merge(KEYS[i], at, cutoff, sparing)
    elseif not outlives(KEYS[i], value, session) then redis.call('SET', KEYS[i], value, 'EX', life) end
  end
end
local last = ''
for i = 1, lines do
  local line, more = ARGV[5 + 2 * i], ARGV[6 + 2 * i]
  last = redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[3], '*', 'line', line, 'more', more)
end
local graceMs = tonumber(ARGV[2])
local left = redis.call('PTTL', KEYS[2])
if left >= 0 and left < graceMs then
  redis.call('PEXPIRE', KEYS[2], graceMs)
end
return {state(), last, there, before[1]}
`;
