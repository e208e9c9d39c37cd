import { latestSecond } from "../sound.ts";

/**
 * What revgate does in Redis, as scripts: each reads or writes in one atomic step with a reading of the
 * server's state, so that no answer can belong to another server, or to another life of it, than the state
 * that came with it.
 *
 * All keys of a script share a slot; the first two are always the shard's epoch and its grace period. An
 * epoch in bytes that none of ours writes is told by its hash: a text would not come back as it was found.
 */
const state = `
local info = redis.call('INFO', 'replication')
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') .. ' ' .. string.match(info, 'master_replid:(%w+)')
local function epoch()
  local text = redis.pcall('GET', KEYS[1])
  if not text then return '' end
  if type(text) ~= 'string' then return 'unreadable' end
  if #text > 256 or string.find(text, '[^%w _%-]') then return 'unreadable ' .. redis.sha1hex(text) end
  return text
end
local function state()
  local replicas = 0
  for lag in string.gmatch(info, 'state=online,[^\\r\\n]*lag=(%d+)') do
    if tonumber(lag) <= 2 then replicas = replicas + 1 end
  end
  return {epoch(), server, string.match(info, 'role:(%a+)'), replicas, redis.call('PTTL', KEYS[2])}
end
`;

/** KEYS 3…: entries. Returns the state and the value of each, nil where there is none. */
const values = `${state}
local found = {}
if #KEYS > 2 then found = redis.call('MGET', unpack(KEYS, 3)) end
return {state(), found}
`;

/**
 * KEYS 3…: entries. ARGV 1: milliseconds for which a running grace period is to go on, at least; then for
 * each entry its expiry and its cut-off ('' without one), in seconds since 1970, and its life in seconds.
 *
 * Of two expiries, lives and cut-offs the later holds; a value that none of ours has written is replaced.
 * The life is relative: Redis's clock takes no part.
 */
const put = `${state}
local function bounded(digits)
  return digits and digits ~= '' and #digits <= 10 and tonumber(digits) <= ${latestSecond}
end
for i = 3, #KEYS do
  local at = 2 + (i - 3) * 3
  local expiry, cutoff, life = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  local held = redis.pcall('GET', KEYS[i])
  local heldExpiry, heldCutoff
  if type(held) == 'string' then heldExpiry, heldCutoff = string.match(held, '^(%d+) ?(%d*)$') end
  if bounded(heldExpiry) and (cutoff == '') == (heldCutoff == '') then
    expiry = math.max(expiry, tonumber(heldExpiry))
    life = math.max(life, math.min(redis.call('TTL', KEYS[i]), ${latestSecond}))
    if bounded(heldCutoff) and tonumber(heldCutoff) > tonumber(cutoff) then cutoff = heldCutoff end
  end
  local value = string.format('%.0f', expiry)
  if cutoff ~= '' then value = value .. ' ' .. cutoff end
  redis.call('SET', KEYS[i], value, 'EX', life)
end
local graceMs = tonumber(ARGV[1])
local left = redis.call('PTTL', KEYS[2])
if left >= 0 and left < graceMs then redis.call('PEXPIRE', KEYS[2], graceMs) end
return {state()}
`;

/** KEYS 3: the feed. ARGV 1: how many lines the feed keeps, about; then the lines. */
const publish = `${state}
for i = 2, #ARGV do redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[1], '*', 'line', ARGV[i]) end
return {state()}
`;

/**
 * KEYS 3: the feed. ARGV: the id of the last line read, and how many lines at most.
 *
 * Returns the state, 1, and the lines behind that one; or, where that one is not there any more, the
 * state, 0, and the last line of all.
 */
const read = `${state}
if #redis.call('XRANGE', KEYS[3], ARGV[1], ARGV[1]) == 1 then
  return {state(), 1, redis.call('XRANGE', KEYS[3], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])}
end
return {state(), 0, redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)}
`;

/**
 * KEYS 3, where the feed is in this shard: the feed. ARGV: the epoch as it was found, the id of the new
 * one, the staleness in milliseconds, the grace period in milliseconds.
 *
 * Begins a new epoch of a shard that is not what it was, unless somebody else just did.
 */
const establish = `${state}
if epoch() == ARGV[1] then
  local start = '-'
  if KEYS[3] then start = redis.call('XADD', KEYS[3], '*', 'line', 'epoch ' .. ARGV[2]) end
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
  redis.call('SET', KEYS[1], table.concat({ARGV[2], ARGV[3], start, server}, ' '))
end
return {state()}
`;

/** The scripts, by what they do. */
export const scripts = { values, put, publish, read, establish } as const;
/** One of them. */
export type ScriptName = keyof typeof scripts;
