--[[
  move-outcome: stores the outcome of a commit from another store, unless its once key exists. Idempotent.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the once key, without the prefix and 'once:'
  ARGV[5]  its deadline in milliseconds
  ARGV[6]  the outcome, see keep in once-keys.lua
  Returns  'kept' or 'known', or 'fenced': nothing was written
]]
if tonumber(ARGV[5]) <= now then return 'known' end
if fence.refuses() then return 'fenced' end
return redis.call('SET', prefix .. key_names.once .. ARGV[4], ARGV[6], 'PXAT', ARGV[5], 'NX') and 'kept' or 'known'
