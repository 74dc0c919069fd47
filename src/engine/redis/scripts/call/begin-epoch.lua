--[[
  begin-epoch: from now on only commits of this epoch are taken from the replica.
  A full server takes it too, for deletes and ends of tasks need an epoch: the first write of the script needs no memory.
  KEYS[1]  the fence of the replica
  ARGV[1]  prefix of the tenant's keys
  ARGV[2]  the epoch
  ARGV[3]  time to live of the fence in milliseconds
  Returns  OK
]]
redis.call('UNLINK', ARGV[1] .. key_names.nothing)
return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
