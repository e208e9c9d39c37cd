-- Asks revgate whether a request may pass. A refusal is sent as revgate gives it.

local url = "http://127.0.0.1:9095/"
-- Headers by which the application is told of the user (tokens.forwardClaims); in lower case.
local identity = { "x-user-id" }
-- Longer than denylist.holdTimeout: a logout is answered when its token is dead everywhere.
local timeout = 30000

-- What belongs to the question, or to one connection.
local left_out = {
  ["host"] = true,
  ["connection"] = true,
  ["content-length"] = true,
  ["expect"] = true,
  ["keep-alive"] = true,
  ["te"] = true,
  ["trailer"] = true,
  ["transfer-encoding"] = true,
  ["upgrade"] = true,
  ["x-forwarded-for"] = true,
  ["x-forwarded-host"] = true,
  ["x-forwarded-method"] = true,
  ["x-forwarded-uri"] = true,
}

-- HAProxy counts the lines of one header from 0, and its HTTP client from 1.
local function from_one(lines)
  local values = {}
  local index = 0
  while lines[index] ~= nil do
    values[#values + 1] = lines[index]
    index = index + 1
  end
  return values
end

local function question(txn)
  local headers = {}
  local host = ""
  for name, lines in pairs(txn.http:req_get_headers()) do
    if name == "host" then
      host = lines[0]
    elseif not left_out[name] then
      headers[name] = from_one(lines)
    end
  end
  headers["x-forwarded-method"] = { txn.f:method() }
  -- pathq, and not path: as the client sent it, with the query.
  headers["x-forwarded-uri"] = { txn.f:pathq() }
  headers["x-forwarded-host"] = { host }
  headers["x-forwarded-for"] = { txn.f:src() }
  return headers
end

local function refuse(txn, answer)
  local reply = txn:reply()
  if answer == nil or answer.status == nil or answer.status < 300 then
    reply:set_status(503)
    reply:add_header("retry-after", "1")
  else
    reply:set_status(answer.status, answer.reason)
    for name, lines in pairs(answer.headers) do
      if not left_out[name] then
        for _, value in pairs(lines) do
          reply:add_header(name, value)
        end
      end
    end
    reply:set_body(answer.body or "")
  end
  txn:done(reply)
end

core.register_action("revgate", { "http-req" }, function(txn)
  local client = core.httpclient()
  local asked, answer = pcall(function()
    return client:get({ url = url, headers = question(txn), timeout = timeout })
  end)
  if not asked or answer == nil or answer.status ~= 200 then
    refuse(txn, asked and answer or nil)
    return
  end
  for _, name in ipairs(identity) do
    local lines = answer.headers[name]
    if lines ~= nil then
      txn.http:req_set_header(name, lines[0] or lines[1])
    end
  end
end)
