--[[
  move-outcome: keeps what came of a commit in another store, unless something is kept under its key. Doing it twice does nothing.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the once key, behind the prefix and 'once:'
  ARGV[5]  until when, in milliseconds
  ARGV[6]  what is kept: see keep in once-keys.lua
  Returns  'kept' or 'known'
]]
if tonumber(ARGV[5]) <= now then return 'known' end
return redis.call('SET', prefix .. key_names.once .. ARGV[4], ARGV[6], 'PXAT', ARGV[5], 'NX') and 'kept' or 'known'
