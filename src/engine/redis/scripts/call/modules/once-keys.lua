--[[
  once-keys: outcomes of requests that happen once.
  The call  keptMs (for keys without keepMs), requests, each with once [{key, fingerprint, keepMs?, alias?}]
]]
-- Fingerprint and outcome in the value of a once key; nil if expired.
local function kept_under(value, key)
  if not value then return nil end
  local ends, fingerprint, kept = string.match(value, '^(%d+) ([^\n]*)\n(.*)$')
  if not ends then own_keys.taken(once_values.key_of(key), 'string') end
  if tonumber(ends) > now then return fingerprint, kept end
  return nil
end

-- The reply to a repeated request; nil for a new one.
local function happened(request)
  if #request.once == 1 then
    local once = request.once[1]
    local fingerprint, kept = kept_under(redis.call('GET', once_values.key_of(once.key)), once.key)
    if kept and fingerprint ~= once.fingerprint then return { 'mismatch' } end
    if not kept and once.alias then fingerprint, kept = kept_under(redis.call('GET', once_values.key_of(once.alias)), once.alias) end
    return kept and { 'replayed', kept }
  end
  local keys = {}
  for i, once in ipairs(request.once) do keys[i] = once_values.key_of(once.key) end
  local found = redis.call('MGET', unpack(keys))
  local reply = { 'known' }
  for i, once in ipairs(request.once) do
    -- MGET hides a value of another type.
    if not found[i] then own_keys.expect('string', keys[i]) end
    if kept_under(found[i], once.key) then reply[#reply + 1] = once.key end
  end
  return #reply > 1 and reply or nil
end

-- `kept`: JSON.
local function keep_text(once, kept)
  local ends = whole(now + (once.keepMs or call.keptMs))
  local text = once_values.value(ends, once.fingerprint, kept)
  redis.call('SET', once_values.key_of(once.key), text, 'PXAT', ends)
  if once.alias then redis.call('SET', once_values.key_of(once.alias), text, 'PXAT', ends) end
end
local function keep(once, kept) keep_text(once, cjson.encode(kept)) end

return { happened = happened, keep_text = keep_text, keep = keep }
