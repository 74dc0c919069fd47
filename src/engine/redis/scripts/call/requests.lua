--[[
  requests: carries out what has gathered in one turn of the service, each request for itself: all of it or nothing, whatever becomes of
  the others. Behind the files that say how.
  KEYS     keys of the tenant, for routing
  ARGV[4]  the call: see call.lua; requests [{kind, texts: how many of the arguments that follow are its own, …}]
  ARGV[5+] the texts of the requests, in turn
  Returns  {'fenced'} or the error READONLY, nothing done; or for each request its reply, or {'failed', why}
]]
if once_keys.is_fenced() then return { 'fenced' } end
task_store.read_ahead()
local replies, at = {}, 5
for i, request in ipairs(call.requests) do
  request.first = at
  at = at + request.texts
  local is_done, reply = pcall(perform[request.kind], request)
  if is_done then replies[i] = reply
  else
    local why = type(reply) == 'table' and reply.err or tostring(reply)
    -- A server that takes no writes has taken none of the others' either; so said, it is known to be no master any longer.
    local not_master = string.match(why, 'READONLY.*')
    if not_master then return redis.error_reply(not_master) end
    replies[i] = { 'failed', why }
  end
end
finish_call.finish()
return replies
