-- request-replies: the replies of a call, one for each request.
local replies = {}
-- Where the next request begins in ARGV.
local next_at = 5

-- Number of the arguments of a put before its index entries; its state comes after these.
local PUT_PLACES = 14

local function reason_of(failure) return type(failure) == 'table' and failure.err or tostring(failure) end

-- Carries out a request. Returns its reply; or nil and the reply to the whole call, if the server is a replica. A replica refuses every write, so no request
-- has written anything, and the service looks for the new master.
local function reply_of(perform_it, request)
  first_writes.begin(false)
  local is_done, reply = pcall(perform_it, request)
  if is_done then return reply end
  local reason = reason_of(reply)
  local not_master = string.match(reason, 'READONLY.*')
  if not_master then return nil, redis.error_reply(not_master) end
  return { 'failed', reason, first_writes.has_begun() and 'begun' or nil }
end

-- The replies, after the last writes of the call. If these fail, some of the writes of every request may be missing.
local function replies_after(last_writes)
  local is_done, failure = pcall(last_writes)
  if not is_done then
    for i in ipairs(replies) do replies[i] = { 'failed', reason_of(failure), 'begun' } end
  end
  return replies
end
