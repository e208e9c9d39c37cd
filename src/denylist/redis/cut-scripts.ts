import { maxSparingLength } from "../cut.ts";

/** The most bytes that the value of a subject has: expiry, cut-off and what that spares. */
export const maxCutBytes = 34 + maxSparingLength;

/** joinCuts of cut.ts: two cut-offs, each with what it spares ('' if nothing), as one. And whether a text is what one spares. */
export const joinedCuts = `
local function sparedBy(sparing)
  local by = {}
  for name, handed, after in string.gmatch(sparing, ';([^/;]+)/(%d+)/(%d+)') do
    by[name] = {tonumber(handed), tonumber(after)}
  end
  return by
end
local function isSparing(text)
  return text == '' or string.find((string.gsub(text, ';[%w_-]+/%d+/%d+', '')), '^%d+$') ~= nil
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
