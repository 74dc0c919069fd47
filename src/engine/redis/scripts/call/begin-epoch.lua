--[[
  begin-epoch: stores the new epoch of a replica. From then on, commits of the replica with another epoch are refused. First contact of the replica with
  the keys of the tenant: they are marked as ours if there are none yet, and refused if they are of another program.
  A full server accepts this script, since deletes and ends of tasks need an epoch too: a server checks memory only at the first write of a script,
  and the first write here is XDEL, which needs none.
  KEYS[1]  the fence of the replica
  ARGV[1]  prefix of the tenant's keys
  ARGV[2]  the epoch
  ARGV[3]  time to live of the fence in milliseconds
  Returns  OK
]]
own_keys.ensure_mark()
own_keys.check_fixed()
own_keys.expect('string', KEYS[1])
redis.call('XDEL', ARGV[1] .. key_names.nothing, '0-0')
return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
