--[[
  whole-slot: first module of every script on a Cluster. While a slot moves, its server has only some of the keys, and the others look absent.
  In that state the server refuses a command on two absent keys. So the EXISTS below stops the script before it has read or written anything.
  ARGV[1]  prefix of the tenant's keys
]]
redis.call('EXISTS', ARGV[1] .. key_names.nothing, ARGV[1] .. key_names.alsoNothing)
-- A key may expire this much later than its deadline: a moved key keeps its remaining time to live, and the move takes time.
local EXPIRY_SLACK_MS = 1000
