--[[
  What happens once. The call has for that: replica, epoch (which connection sends it; another epoch than the latest is refused), and requests, each
  with once [{key, fingerprint, keepMs, alias?}].
]]
local function once_key(key) return prefix .. key_names.once .. key end

local function is_fenced()
  local epoch = redis.call('GET', prefix .. key_names.fence .. call.replica)
  return epoch and epoch ~= call.epoch
end

-- What is kept under a once key, if its time is not over: fingerprint and text.
local function kept_under(value)
  if not value then return nil end
  local ends, fingerprint, kept = string.match(value, '^(%d+) ([^\n]*)\n(.*)$')
  if tonumber(ends) > now then return fingerprint, kept end
  return nil
end

-- The reply to a request that has happened before; nil when it is to be done.
local function happened(request)
  if #request.once == 1 then
    local once = request.once[1]
    local fingerprint, kept = kept_under(redis.call('GET', once_key(once.key)))
    if kept and fingerprint ~= once.fingerprint then return { 'mismatch' } end
    if not kept and once.alias then fingerprint, kept = kept_under(redis.call('GET', once_key(once.alias))) end
    return kept and { 'replayed', kept }
  end
  local keys = {}
  for i, once in ipairs(request.once) do keys[i] = once_key(once.key) end
  local found = redis.call('MGET', unpack(keys))
  local reply = { 'known' }
  for i, once in ipairs(request.once) do
    if kept_under(found[i]) then reply[#reply + 1] = once.key end
  end
  return #reply > 1 and reply or nil
end

local function keep(once, kept)
  local ends = whole(now + once.keepMs)
  local text = ends .. ' ' .. once.fingerprint .. '\n' .. cjson.encode(kept)
  redis.call('SET', once_key(once.key), text, 'PXAT', ends)
  if once.alias then redis.call('SET', once_key(once.alias), text, 'PXAT', ends) end
end

return { is_fenced = is_fenced, happened = happened, keep = keep }
