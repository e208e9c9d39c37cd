/**
 * For how long a guard stands, in milliseconds: shorter than the slack by which keys outlive their entries.
 *
 * If Redis's clock steps so far that a key may go early, the guard goes as well. One that stands for longer
 * was set while that clock was ahead, and would outlive the keys: it guards nothing.
 */
export const guardMs = 5 * 60_000;

/**
 * The beginning of every script that reads or writes a shard, with the functions `state` and `textAt`: INFO and the
 * epoch in one step with the rest. An epoch in bytes that none of ours writes is told by its hash: a text would not come
 * back as it was found.
 */
export const state = `
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
