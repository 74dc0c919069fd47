--[[
  begin-epoch: from now on only commits of this epoch are taken from the replica. Also on a full server, for deletes and ends of tasks come under an
  epoch too: the first write takes no memory.
  KEYS[1]  the fence of the replica
  ARGV[1]  prefix of the tenant's keys
  ARGV[2]  the epoch
  ARGV[3]  how long it is known, in milliseconds
]]
redis.call('UNLINK', ARGV[1] .. key_names.nothing)
return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
