--[[
  fence: refuses a call that a lost connection delivers late. After a loss, the replica begins a new epoch before it sends anything else.
]]
-- A tenant without a mark of ours is refused too: the replica begins a new epoch, which checks the keys. Also reads the clock.
local function refuses()
  local known = redis.call('MGET', prefix .. key_names.fence .. replica, prefix .. key_names.schema, clock_key)
  clock.set(known[3])
  -- As is_mark in own-keys, which most calls do not make.
  return (known[1] and known[1] ~= epoch) or string.sub(known[2] or '', 1, #schema.MARK_START) ~= schema.MARK_START
end

return { refuses = refuses }
