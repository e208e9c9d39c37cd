import { state } from "./script-state.ts";

/**
 * KEYS 6…: what else there may be that is no entry. ARGV: the epoch as it was found, the id of the new one, the
 * staleness, the grace period and the guard's life in milliseconds; then the sidecars to wait for.
 *
 * Begins a new epoch of a shard that is not what it was, unless somebody else just did. The guard says whether
 * nothing but the server changed (\`moved\`: what is there is what was there at some moment before), nothing at all
 * is there (\`emptied\`), or keys may have vanished singly (\`holes\`), and after which epoch this one came.
 */
export const establish = `${state}
if textAt(KEYS[1]) == ARGV[1] then
  local before = string.match(ARGV[1], '^%S+') or '-'
  local guarded, count = string.match(guard(), '^(%S+) (%d+)')
  local kind = 'holes'
  if guarded == before and count == evicted then kind = 'moved' end
  local keys = 0
  for some in string.gmatch(redis.call('INFO', 'keyspace'), 'keys=(%d+)') do keys = keys + some end
  if kind == 'holes' and keys <= redis.call('EXISTS', unpack(KEYS)) then kind = 'emptied' end
  local start = redis.call('XADD', KEYS[5], '*', 'line', 'epoch ' .. ARGV[2])
  redis.call('DEL', KEYS[4])
  if #ARGV > 5 then
    redis.call('SADD', KEYS[4], unpack(ARGV, 6))
    redis.call('PEXPIRE', KEYS[4], 10 * tonumber(ARGV[4]))
  end
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
  redis.call('SET', KEYS[3], table.concat({ARGV[2], evicted, kind, before}, ' '), 'PX', ARGV[5])
  redis.call('SET', KEYS[1], table.concat({ARGV[2], ARGV[3], start, server}, ' '))
end
return {state()}
`;

/**
 * ARGV: the id of an epoch, and a sidecar: it has written back to this epoch what was missing.
 *
 * When no sidecar is waited for any more, the grace period ends.
 */
export const confirm = `${state}
local now = string.match(textAt(KEYS[1]), '^%S+')
if now == ARGV[1] and redis.call('SREM', KEYS[4], ARGV[2]) == 1 then
  local waits = redis.call('EXISTS', KEYS[4]) == 1
  if not waits then redis.call('DEL', KEYS[2]) end
end
return {state()}
`;

/** More sidecars than there can be: they are not read. */
const maxSidecars = 20_000;
/** How long no sidecar is waited for when they were not: by then all that live have beaten again. */
const unknownForMs = 60_000;
/** A sidecar has a name of 12 characters, and a count of as many digits as a number has. */
const maxFieldBytes = 40;

/**
 * KEYS 1: the sidecars; 2: that there are some of an older form. ARGV 1: the one that beats; 2: 1 if it leaves;
 * 3: for how many milliseconds there are some of an older form, or 0; then those that have died.
 *
 * Returns every sidecar and how often it has beaten ('left' if it does no more), whether there are some of an older
 * form, and how many fields were taken away that no sidecar has written. If there are more than there can be, all are
 * taken away, none is returned, and for a while it is unknown who there is, as with sidecars of an older form. The state
 * of the server is not asked: it would cost more than the rest, and says nothing of who lives.
 */
export const beat = `
local function beatOnce()
  if ARGV[2] == '1' then
    redis.call('HSET', KEYS[1], ARGV[1], 'left')
  else
    redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
  end
end
local function forget(fields, first)
  for from = first, #fields, 1000 do
    redis.call('HDEL', KEYS[1], unpack(fields, from, math.min(from + 999, #fields)))
  end
end
beatOnce()
forget(ARGV, 4)
if ARGV[3] ~= '0' then redis.call('SET', KEYS[2], '1', 'PX', ARGV[3]) end
local held = redis.call('HGETALL', KEYS[1])
local beats, strange = {}, {}
for i = 1, #held, 2 do
  if #held[i] > ${maxFieldBytes} or #held[i + 1] > ${maxFieldBytes} then
    strange[#strange + 1] = held[i]
  else
    beats[#beats + 1] = held[i]
    beats[#beats + 1] = held[i + 1]
  end
end
forget(strange, 1)
local taken = #strange
if #beats > ${2 * maxSidecars} then
  taken = taken + #beats / 2
  beats = {}
  redis.call('DEL', KEYS[1])
  beatOnce()
  local older = redis.call('PTTL', KEYS[2])
  if older ~= -1 and older < ${unknownForMs} then redis.call('SET', KEYS[2], '1', 'PX', ${unknownForMs}) end
end
return {beats, redis.call('EXISTS', KEYS[2]), taken}
`;
