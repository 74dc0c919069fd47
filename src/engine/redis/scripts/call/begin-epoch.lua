--[[
  begin-epoch: stores the new epoch of a replica. From then on, commits of the replica with another epoch are refused.
  A full server accepts this script, since deletes and ends of tasks need an epoch too: a server checks memory only at the first write of a script,
  and the first write here is UNLINK, which needs none.
  KEYS[1]  the fence of the replica
  ARGV[1]  prefix of the tenant's keys
  ARGV[2]  the epoch
  ARGV[3]  time to live of the fence in milliseconds
  Returns  OK
]]
redis.call('UNLINK', ARGV[1] .. key_names.nothing)
return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
