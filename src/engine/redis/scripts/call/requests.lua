--[[
  requests: carries out the requests of a call. Each is atomic and independent of the others. Comes after the files with the handlers.
  KEYS     keys of the tenant, for routing
  ARGV[4]  the call: see request-call.lua
  ARGV[5+] the requests in turn: either {kind, texts (how many), …} as JSON and its texts, or the arguments of a put: see plain-put.lua
  Returns  {'fenced'} or the error READONLY: nothing was written. Else for each request its reply, or
           {'failed', why, 'begun'?}: 'begun' if it may have written something
]]
if fence.refuses() then return { 'fenced' } end
if call.limits then own_keys.expect('stream', prefix .. key_names.events) end
clock.keep()

local function read_request(at)
  if ARGV[at] == 'put' then return plain_put.read(at) end
  local request = cjson.decode(ARGV[at])
  request.first = at + 1
  return request, at + 1 + request.texts
end

local requests, at = {}, 5
while at <= #ARGV do
  requests[#requests + 1], at = read_request(at)
end
task_store.read_ahead(requests)
local replies = {}
for i, request in ipairs(requests) do
  writing.begin(false)
  local is_done, reply = pcall(perform[request.kind], request)
  if is_done then replies[i] = reply
  else
    local why = type(reply) == 'table' and reply.err or tostring(reply)
    -- A server that is a replica refuses every write, so no request has written anything. The whole call fails, and the service looks for the new
    -- master.
    local not_master = string.match(why, 'READONLY.*')
    if not_master then return redis.error_reply(not_master) end
    replies[i] = { 'failed', why, writing.has_begun() and 'begun' or nil }
  end
end
local is_finished, why = pcall(finish_call.finish)
if not is_finished then
  -- Some of the writes of every request may be missing.
  for i in ipairs(replies) do replies[i] = { 'failed', type(why) == 'table' and why.err or tostring(why), 'begun' } end
end
return replies
