import { maxSparingLength } from "../cut.ts";

/**
 * What a cut-off spares stands under a key of its own, after the cut-off that it belongs to. A sidecar that does not know of it
 * reads a cut-off that spares nothing, and so does everybody if it is lost or belongs to another one.
 *
 * The key is in the slot of the subject's, and is not among KEYS: what is there decides whether it is looked at.
 */
export const sparingKeys = `
local function sparingKeyOf(key)
  if string.sub(key, -47, -44) ~= 'sub:' then return nil end
  return string.sub(key, 1, -48) .. 'spr:' .. string.sub(key, -43)
end
local function isSparingKey(key)
  return string.sub(key, -47, -44) == 'spr:'
end
local function withSparing(key, value)
  local other = sparingKeyOf(key)
  -- No sidecar writes a third word into the value itself: it can't be read.
  if other and string.find(value, ' .* ') then return '? ' .. value end
  local cutoff = other and string.match(value, '^%d+ (%d+)$')
  if not cutoff then return value end
  local held = redis.pcall('GET', other)
  if type(held) ~= 'string' or #held > ${11 + maxSparingLength} then return value end
  local of, sparing = string.match(held, '^(%d+) (%d[%w_/;-]*)$')
  if of ~= cutoff then return value end
  return value .. ' ' .. sparing
end
`;

/** joinCuts of cut.ts: two cut-offs, each with what it spares ('' if nothing), as one. */
export const joinedCuts = `
local function sparedBy(sparing)
  local by = {}
  for name, handed, after in string.gmatch(sparing, ';([^/;]+)/(%d+)/(%d+)') do
    by[name] = {tonumber(handed), tonumber(after)}
  end
  return by
end
local function momentOf(cutoff, sparing)
  return tonumber(cutoff) * 1000000 + tonumber(string.match(sparing, '^%d+') or '1000000')
end
local function isBefore(cutoff, sparing, otherCutoff, otherSparing)
  local moment, otherMoment = momentOf(cutoff, sparing), momentOf(otherCutoff, otherSparing)
  if moment ~= otherMoment then return moment < otherMoment end
  return tonumber(cutoff) < tonumber(otherCutoff)
end
local function joinCuts(cutoff, sparing, otherCutoff, otherSparing)
  if isBefore(cutoff, sparing, otherCutoff, otherSparing) then
    cutoff, sparing, otherCutoff, otherSparing = otherCutoff, otherSparing, cutoff, sparing
  end
  local ended = momentOf(otherCutoff, otherSparing)
  local before = sparedBy(otherSparing)
  local words = {}
  for name, handedText, afterText in string.gmatch(sparing, ';([^/;]+)/(%d+)/(%d+)') do
    local handed, after = tonumber(handedText), tonumber(afterText)
    local known = before[name]
    if known then
      handed, after = math.max(handed, known[1]), math.max(after, known[2])
    elseif handed <= ended then
      after = math.max(after, tonumber(otherCutoff))
    end
    if after < tonumber(cutoff) then
      words[#words + 1] = string.format(';%s/%.0f/%.0f', name, handed, after)
    end
  end
  if sparing == '' then return cutoff, '' end
  return cutoff, string.match(sparing, '^%d+') .. table.concat(words)
end
`;
