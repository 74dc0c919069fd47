--[[
  activate-tenants: announces writes to tenants, and schedules a sweep of each of them soon.
  KEYS[1]  tenants by the time of their next sweep
  KEYS[2]  tenants by the time until which they may be written
  ARGV[1]  prefix of the keys of the default tenant, which share the slot of KEYS
  ARGV[4]  time for which they may be written, in milliseconds
  ARGV[5]  time until a sweep, in milliseconds
  ARGV[6+] names of tenants
  Returns  OK
]]
own_keys.ensure_mark()
own_keys.expect('zset', KEYS[1])
own_keys.expect('zset', KEYS[2])
-- XDEL comes first, so that a full server accepts the script: it checks memory only at the first write. Deletes need a registered tenant too.
redis.call('XDEL', prefix .. key_names.nothing, '0-0')
clock.keep()
for i = 6, #ARGV do
  redis.call('ZADD', KEYS[2], 'GT', whole(now + tonumber(ARGV[4])), ARGV[i])
  redis.call('ZADD', KEYS[1], 'LT', whole(now + tonumber(ARGV[5])), ARGV[i])
end
return 'OK'
