--[[
  Put in front of every script on a Cluster. While a slot moves, a server has only some of its keys, and reads of the others would say that
  they do not exist. A command about two keys that are nowhere is refused then, and the script with it, before it has read or written anything.
  ARGV[1]  prefix of the tenant's keys
]]
redis.call('EXISTS', ARGV[1] .. key_names.nothing, ARGV[1] .. key_names.alsoNothing)
-- How much later than it was told to a server may let a key go: on the way to another one a key takes along the time it has left, and the way takes time.
local LATER_MS = 1000
