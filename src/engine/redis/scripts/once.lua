--[[
  Common to the scripts that happen once; behind workflow.lua. The plan, in ARGV[4], carries: replica, epoch (which connection sends it; another
  epoch than the latest is refused) and once [{key, fingerprint, keepMs, alias?}].
]]
local plan = cjson.decode(ARGV[4])

local function once_key(key) return prefix .. 'once:' .. key end

-- What is kept under a once key, if its time is not over: fingerprint and text.
local function kept_under(value)
  if not value then return nil end
  local ends, fingerprint, kept = string.match(value, '^(%d+) ([^\n]*)\n(.*)$')
  if tonumber(ends) > now then return fingerprint, kept end
  return nil
end

-- The reply to a plan that comes too late or has happened before; nil when it is to be done.
local function happened()
  local keys = { prefix .. 'fence:' .. plan.replica }
  for i, once in ipairs(plan.once) do keys[i + 1] = once_key(once.key) end
  if #plan.once == 1 and plan.once[1].alias then keys[3] = once_key(plan.once[1].alias) end
  local found = redis.call('MGET', unpack(keys))
  if found[1] and found[1] ~= plan.epoch then return { 'fenced' } end
  if #plan.once == 1 then
    local fingerprint, kept = kept_under(found[2])
    if kept and fingerprint ~= plan.once[1].fingerprint then return { 'mismatch' } end
    if not kept then fingerprint, kept = kept_under(found[3]) end
    return kept and { 'replayed', kept }
  end
  local reply = { 'known' }
  for i = 1, #plan.once do
    if kept_under(found[i + 1]) then reply[#reply + 1] = i end
  end
  return #reply > 1 and reply or nil
end

local function keep(once, kept)
  local ends = whole(now + once.keepMs)
  local text = ends .. ' ' .. once.fingerprint .. '\n' .. cjson.encode(kept)
  redis.call('SET', once_key(once.key), text, 'PXAT', ends)
  if once.alias then redis.call('SET', once_key(once.alias), text, 'PXAT', ends) end
end
