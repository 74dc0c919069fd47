--[[
  accepts-writes: a write that changes nothing. A server that refuses writes, for want of replicas or of disk, refuses it.
  KEYS[1]  any key of the tenant, for routing
  ARGV[1]  prefix of the tenant's keys
]]
redis.call('DEL', ARGV[1] .. key_names.nothing)
return 1
