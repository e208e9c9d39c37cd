import { maxLineBytes } from "./log-line.ts";
import { state } from "./script-state.ts";

/** Longer than the text of any line that a sidecar writes, but for what comes with it. */
const maxTextBytes = 200;

/**
 * Where a line of the log is: its text, or `gone` (the log went backwards), or `trimmed` (past it). Of a line that no
 * sidecar can have written, of a size without bounds, nothing is handed over but that it is there.
 */
export const lineAt = `
local function textOf(line)
  local text = line[2][2]
  return #text > ${maxTextBytes} and 'unreadable ' .. #text or text
end
local function bytesOf(line)
  local bytes = 0
  for _, text in ipairs(line[2]) do bytes = bytes + #text end
  return bytes
end
local function readable(line)
  local isOurs = #line[2] <= 4 and #line[2][2] <= ${maxTextBytes} and bytesOf(line) <= ${maxLineBytes}
  return isOurs and line or {line[1], {'', textOf(line)}}
end
local function lastLine()
  local lines = redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', 1)
  if lines[1] then lines[1] = readable(lines[1]) end
  return lines
end
local function lineAt(id)
  local there = redis.call('XRANGE', KEYS[5], id, id)
  if #there == 1 then return {'there', textOf(there[1])} end
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

/** Lines that are looked at together: some of them may have hundreds of entries. */
const linesPerStep = 10;

/**
 * ARGV: the id of the last line read, how many lines at most, the id of the last line that is known to be
 * there, the guard's life in milliseconds.
 *
 * Returns the state, where those two lines are, the lines behind the first of them (of a log that was trimmed
 * past it: the last line of all), the server's time, and whether there may be more lines.
 */
export const read = `${state}${lineAt}
local position, tail = lineAt(ARGV[1]), {'there', ''}
if ARGV[3] ~= ARGV[1] then tail = lineAt(ARGV[3]) end
local lines, bytes, more = {}, 0, 0
if position[1] == 'there' then
  local from = ARGV[1]
  repeat
    local some = redis.call('XRANGE', KEYS[5], '(' .. from, '+', 'COUNT', ${linesPerStep})
    for _, line in ipairs(some) do
      lines[#lines + 1] = readable(line)
      bytes = bytes + bytesOf(lines[#lines])
      from = line[1]
    end
    more = #some == ${linesPerStep} and 1 or 0
  until more == 0 or #lines >= tonumber(ARGV[2]) or bytes > ${maxLineBytes}
else
  lines = lastLine()
end
lengthenGuard(ARGV[4])
return {state(), position, tail, lines, redis.call('TIME'), more}
`;

/** ARGV: the id of a line of the log, the guard's life. Returns the state, where the line is, and the last line. */
export const look = `${state}${lineAt}
local tail = {'unknown', ''}
if ARGV[1] ~= '' then tail = lineAt(ARGV[1]) end
lengthenGuard(ARGV[2])
return {state(), tail, lastLine()}
`;
