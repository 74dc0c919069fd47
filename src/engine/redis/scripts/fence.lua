--[[
  fence: begins a new epoch of a replica; what it sent before and is still under way will be refused.
  KEYS[1]  the fence of the replica
  ARGV[1]  how long to remember it, in milliseconds
  Returns  the number of the epoch
]]
local epoch = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return epoch
