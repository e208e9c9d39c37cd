import { latestSecond } from "../sound.ts";

/**
 * For how long a guard stands, in milliseconds: shorter than the slack by which keys outlive their entries.
 *
 * If Redis's clock steps so far that a key may go early, the guard goes as well. One that stands for longer
 * was set while that clock was ahead, and would outlive the keys: it guards nothing.
 */
export const guardMs = 5 * 60_000;

/**
 * What revgate does in Redis, as scripts: each reads or writes in one atomic step with a reading of the
 * server's state, so that no answer can belong to another server, or to another life of it, than the state
 * that came with it.
 *
 * All keys of a script share a slot; the first five are always the shard's (`KeySpace.stateKeys`): epoch,
 * grace period, guard, awaited sidecars, log. docs/decisions/0031 says what each is for. An epoch in bytes
 * that none of ours writes is told by its hash: a text would not come back as it was found.
 *
 * No line has two commands: what a user may not do is told by the line in which it failed.
 */
const state = `
local info = redis.call('INFO', 'replication')
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local server = run .. ' ' .. string.match(info, 'master_replid:(%w+)')
local evicted = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')
local function textAt(key)
  local text = redis.pcall('GET', key)
  if not text then return '' end
  if type(text) == 'table' then
    if not string.find(text.err, 'WRONGTYPE') then redis.call('GET', key) end
    return 'unreadable'
  end
  if #text > 256 or string.find(text, '[^%w _%-]') then return 'unreadable ' .. redis.sha1hex(text) end
  return text
end
local function guard()
  if redis.call('PTTL', KEYS[3]) > ${guardMs} then return '' end
  return textAt(KEYS[3])
end
local function state()
  local replicas = 0
  for lag in string.gmatch(info, 'state=online,[^\\r\\n]*lag=(%d+)') do
    if tonumber(lag) <= 2 then replicas = replicas + 1 end
  end
  local grace = redis.call('PTTL', KEYS[2])
  local role = string.match(info, 'role:(%a+)')
  return {textAt(KEYS[1]), server, role, replicas, grace, guard(), evicted}
end
`;

/** Where a line of the log is: its text, or `gone` (the log went backwards), or `trimmed` (past it). */
const lineAt = `
local function lineAt(id)
  local there = redis.call('XRANGE', KEYS[5], id, id)
  if #there == 1 then return {'there', there[1][2][2]} end
  local before = #redis.call('XRANGE', KEYS[5], '-', '(' .. id, 'COUNT', 1)
  local behind = #redis.call('XRANGE', KEYS[5], '(' .. id, '+', 'COUNT', 1)
  if before == 0 and behind == 1 then return {'trimmed', ''} end
  return {'gone', ''}
end
local function lengthenGuard(ms)
  local left = redis.call('PTTL', KEYS[3])
  if left >= 0 and left < tonumber(ms) / 2 then redis.call('PEXPIRE', KEYS[3], ms) end
end
`;

/** KEYS 6…: entries. Returns the state and the value of each, nil where there is none. */
const values = `${state}
local found = {}
if #KEYS > 5 then found = redis.call('MGET', unpack(KEYS, 6)) end
return {state(), found}
`;

/**
 * ARGV: where the listing goes on, a pattern, about how many keys, 1 for texts that may have line feeds in them.
 *
 * Returns the state, where it goes on from there ('0': nowhere), how many keys match, these keys, and the value of
 * each: lists, or, which costs whoever reads them a quarter, lines of one text.
 *
 * On a server by itself: it names keys that it was not given.
 */
const page = `${state}
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local held = {}
if #found[2] > 0 then held = redis.call('MGET', unpack(found[2])) end
local keys, texts = {}, {}
for i, key in ipairs(found[2]) do
  if held[i] then
    keys[#keys + 1] = key
    texts[#texts + 1] = held[i]
  end
end
if ARGV[4] == '1' then return {state(), found[1], #keys, keys, texts} end
return {state(), found[1], #keys, table.concat(keys, '\\n'), table.concat(texts, '\\n')}
`;

/**
 * KEYS 6…: entries. ARGV 1: the epoch that it is for, as it stands in the store; 2: milliseconds for which a
 * running grace period is to go on, at least; 3: how many lines the log keeps, about; 4: how many lines to add;
 * then each line with its details; then for each entry its expiry and its cut-off ('' without one), in seconds
 * since 1970, and its life in seconds.
 *
 * Of two expiries, lives and cut-offs the later holds; a value that none of ours has written is replaced. The
 * life is relative, and only for tidying up.
 * The lines come behind the keys, in the same step: a line that is there says that its keys are. Returns the
 * state and the id of the last line; '' if it is another epoch, and nothing was written.
 */
const put = `${state}
if textAt(KEYS[1]) ~= ARGV[1] or string.sub(ARGV[1], -#server) ~= server then
  return {state(), ''}
end
local function bounded(digits)
  return digits and digits ~= '' and #digits <= 10 and tonumber(digits) <= ${latestSecond}
end
local function merge(key, at)
  local expiry, cutoff, life = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  local held = redis.pcall('GET', key)
  local heldExpiry, heldCutoff
  if type(held) == 'string' then heldExpiry, heldCutoff = string.match(held, '^(%d+) ?(%d*)$') end
  if bounded(heldExpiry) and (cutoff == '') == (heldCutoff == '') then
    expiry = math.max(expiry, tonumber(heldExpiry))
    life = math.max(life, math.min(redis.call('TTL', key), ${latestSecond}))
    if bounded(heldCutoff) and tonumber(heldCutoff) > tonumber(cutoff) then cutoff = heldCutoff end
  end
  local value = string.format('%.0f', expiry)
  if cutoff ~= '' then value = value .. ' ' .. cutoff end
  redis.call('SET', key, value, 'EX', life)
end
local lines = tonumber(ARGV[4])
local first = 5 + 2 * lines
for i = 6, #KEYS do
  local at = first + (i - 6) * 3
  local value, life = ARGV[at], ARGV[at + 2]
  if ARGV[at + 1] ~= '' then value = value .. ' ' .. ARGV[at + 1] end
  if not redis.call('SET', KEYS[i], value, 'EX', life, 'NX') then merge(KEYS[i], at) end
end
local last = ''
for i = 1, lines do
  local line, more = ARGV[3 + 2 * i], ARGV[4 + 2 * i]
  last = redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[3], '*', 'line', line, 'more', more)
end
local graceMs = tonumber(ARGV[2])
local left = redis.call('PTTL', KEYS[2])
if left >= 0 and left < graceMs then
  redis.call('PEXPIRE', KEYS[2], graceMs)
end
return {state(), last}
`;

/** Lines that are looked at together: some of them may have hundreds of entries. */
const linesPerStep = 10;
/** Longer than the lines of a thousand revocations: what is more comes with the next reading. */
const maxLineBytes = 200_000;

/**
 * ARGV: the id of the last line read, how many lines at most, the id of the last line that is known to be
 * there, the guard's life in milliseconds.
 *
 * Returns the state, where those two lines are, the lines behind the first of them (of a log that was trimmed
 * past it: the last line of all), the server's time, and whether there may be more lines.
 */
const read = `${state}${lineAt}
local position, tail = lineAt(ARGV[1]), {'there', ''}
if ARGV[3] ~= ARGV[1] then tail = lineAt(ARGV[3]) end
local lines, bytes, more = {}, 0, 0
if position[1] == 'there' then
  local from = ARGV[1]
  repeat
    local some = redis.call('XRANGE', KEYS[5], '(' .. from, '+', 'COUNT', ${linesPerStep})
    for _, line in ipairs(some) do
      lines[#lines + 1] = line
      for _, text in ipairs(line[2]) do bytes = bytes + #text end
      from = line[1]
    end
    more = #some == ${linesPerStep} and 1 or 0
  until more == 0 or #lines >= tonumber(ARGV[2]) or bytes > ${maxLineBytes}
else
  lines = redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', 1)
end
lengthenGuard(ARGV[4])
return {state(), position, tail, lines, redis.call('TIME'), more}
`;

/** ARGV: the id of a line of the log, the guard's life. Returns the state, where the line is, and the last line. */
const look = `${state}${lineAt}
local tail = {'unknown', ''}
if ARGV[1] ~= '' then tail = lineAt(ARGV[1]) end
lengthenGuard(ARGV[2])
return {state(), tail, redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', 1)}
`;

/**
 * KEYS 6…: what else there may be that is no entry. ARGV: the epoch as it was found, the id of the new one, the
 * staleness, the grace period and the guard's life in milliseconds; then the sidecars to wait for.
 *
 * Begins a new epoch of a shard that is not what it was, unless somebody else just did. The guard says whether
 * nothing but the server changed (\`moved\`: what is there is what was there at some moment before), nothing at all
 * is there (\`emptied\`), or keys may have vanished singly (\`holes\`), and behind which epoch this one came.
 */
const establish = `${state}
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
 * When nobody is waited for any more, the grace period ends.
 */
const confirm = `${state}
local now = string.match(textAt(KEYS[1]), '^%S+')
if now == ARGV[1] and redis.call('SREM', KEYS[4], ARGV[2]) == 1 then
  local waits = redis.call('EXISTS', KEYS[4]) == 1
  if not waits then redis.call('DEL', KEYS[2]) end
end
return {state()}
`;

/**
 * KEYS 6: the sidecars; 7: that there are some of an older form. ARGV 1: the one that beats; 2: 1 if it leaves;
 * 3: for how many milliseconds there are some of an older form, or 0; then those that have died.
 *
 * Returns the state, every sidecar and how often it has beaten ('left' if it does no more), and whether there are some of an older form.
 */
const beat = `${state}
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[6], ARGV[1], 'left')
else
  redis.call('HINCRBY', KEYS[6], ARGV[1], 1)
end
if #ARGV > 3 then redis.call('HDEL', KEYS[6], unpack(ARGV, 4)) end
if ARGV[3] ~= '0' then redis.call('SET', KEYS[7], '1', 'PX', ARGV[3]) end
local beats = redis.call('HGETALL', KEYS[6])
return {state(), beats, redis.call('EXISTS', KEYS[7])}
`;

/**
 * KEYS 1: a text. ARGV: what was found there, what is to stand there. Returns what stands there then.
 *
 * Something that none of ours has written is `unreadable!`, which is nobody's text.
 */
const exchange = `
local held = redis.pcall('GET', KEYS[1])
if not held then held = '' end
if type(held) ~= 'string' or #held > 600 or string.find(held, '[^%w ._:%-]') then held = 'unreadable!' end
if held ~= ARGV[1] or held == ARGV[2] then return held end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
`;

/** The command in a line of a script, as Redis counts lines; undefined if there is none. */
export function commandAt(name: ScriptName, line: number): string | undefined {
  return /redis\.p?call\('(\w+)'/
    .exec(scripts[name].split("\n")[line - 1] ?? "")?.[1]
    ?.toLowerCase();
}

/** The scripts, by what they do. */
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
} as const;
/** One of them. */
export type ScriptName = keyof typeof scripts;
