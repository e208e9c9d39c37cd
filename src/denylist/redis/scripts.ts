/**
 * What revgate does in Redis, as scripts: each reads or writes in one atomic step with a reading of the
 * server's state, so that no answer can belong to another server, or to another life of it, than the state
 * that came with it.
 *
 * All keys of a script share a slot; the first two are always the shard's epoch and its grace period.
 */
const state = `
local info = redis.call('INFO', 'replication')
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') .. ' ' .. string.match(info, 'master_replid:(%w+)')
local function state()
  local replicas = 0
  for lag in string.gmatch(info, 'state=online,[^\\r\\n]*lag=(%d+)') do
    if tonumber(lag) <= 2 then replicas = replicas + 1 end
  end
  local epoch = redis.call('GET', KEYS[1]) or ''
  return {epoch, server, string.match(info, 'role:(%a+)'), replicas, redis.call('PTTL', KEYS[2])}
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
 * Of two expiries, lives and cut-offs the later holds. The life is relative: Redis's clock takes no part.
 */
const put = `${state}
for i = 3, #KEYS do
  local at = 2 + (i - 3) * 3
  local expiry, cutoff, life = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  local held = redis.call('GET', KEYS[i])
  if held then
    local heldExpiry, heldCutoff = string.match(held, '^(%d+) ?(%d*)$')
    expiry = math.max(expiry, tonumber(heldExpiry or 0))
    life = math.max(life, redis.call('TTL', KEYS[i]))
    if heldCutoff and heldCutoff ~= '' and tonumber(heldCutoff) > tonumber(cutoff) then cutoff = heldCutoff end
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
if (redis.call('GET', KEYS[1]) or '') == ARGV[1] then
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
