--[[
  requests: carries out the requests of a call. Each is atomic and independent of the others. Comes after the files with the handlers.
  KEYS     keys of the tenant, for routing
  ARGV[4]  the call: see request-call.lua
  ARGV[5+] the requests in turn: either {kind, texts (how many), …} as JSON and its texts, or the arguments of a put: see put-arguments.lua
  Returns  {'fenced'} or the error READONLY: nothing was written. Else for each request its reply, or
           {'failed', why, 'begun'?}: 'begun' if it may have written something
]]
if call.limits then own_keys.expect('stream', prefix .. key_names.events) end

local function read_request(at)
  if ARGV[at] == 'put' then return put_arguments.read(at) end
  local request = cjson.decode(ARGV[at])
  request.first = at + 1
  return request, at + 1 + request.texts
end

local requests = {}
while next_at <= #ARGV do
  requests[#requests + 1], next_at = read_request(next_at)
end
task_store.read_ahead(requests)
for _, request in ipairs(requests) do
  local reply, not_master = reply_of(perform[request.kind], request)
  if not_master then return not_master end
  replies[#replies + 1] = reply
end
return replies_after(finish_call.finish)
