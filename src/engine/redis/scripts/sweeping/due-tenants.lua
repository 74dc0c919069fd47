--[[
  due-tenants: takes the tenants whose sweep is due. Other replicas leave them alone for a while.
  KEYS[1]  tenants by the time of their next sweep
  KEYS[2]  tenants by the time until which they may be written
  ARGV[1]  prefix of the keys of the default tenant, which share the slot of KEYS
  ARGV[4]  maximum number of tenants
  ARGV[5]  time after which other replicas take the same ones, in milliseconds
  ARGV[6]  '1' to take also all tenants that may be written now
  ARGV[7]  longest time of a sweep, in milliseconds
  Returns  {time of the scripts, time of the next sweep or '', {name…}}
]]
if not own_keys.is_marked() then return { whole(now), '', {} } end
own_keys.expect('zset', KEYS[2])
local names = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now), 'LIMIT', 0, tonumber(ARGV[4]))
-- XDEL comes first, so that a full server accepts the script: it checks memory only at the first write.
redis.call('XDEL', prefix .. key_names.nothing, '0-0')
clock.keep()
for _, name in ipairs(names) do redis.call('ZADD', KEYS[1], whole(now + tonumber(ARGV[5])), name) end
if ARGV[6] == '1' then
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], whole(now), '+inf')) do names[#names + 1] = name end
end
-- Announcements that ended before any running sweep began are no longer needed.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', whole(now - tonumber(ARGV[7])))
return { whole(now), redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or '', names }
