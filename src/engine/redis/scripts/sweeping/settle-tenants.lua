--[[
  settle-tenants: sets the times of the next sweeps of tenants that were swept.
  KEYS[1]  tenants by the time of their next sweep
  KEYS[2]  tenants by the time until which they may be written
  ARGV[1]  prefix of the keys of the default tenant, which share the slot of KEYS
  ARGV[4]  time at which the sweep began
  ARGV[5]  time until the sweep of a tenant that is due again at once, in milliseconds
  ARGV[6]  longest time until the sweep of a tenant that may have been written since the sweep began, in milliseconds
  ARGV[7]  longest time of a sweep, in milliseconds
  ARGV[8+] a name and the time at which something is due, in turn; '' instead of the time for a tenant without data
  Returns  {time of the scripts, time of the next sweep or ''}
]]
if not own_keys.is_marked() then return { whole(now), '' } end
own_keys.expect('zset', KEYS[1])
own_keys.expect('zset', KEYS[2])
local function reply() return { whole(now), redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or '' } end
-- Bytes of a lost connection may come very late. Announcements since the sweep began may be gone by then, so it tells nothing about the tenants.
if now - tonumber(ARGV[4]) > tonumber(ARGV[7]) then return reply() end
-- XDEL comes first, so that a full server accepts the script: it checks memory only at the first write.
redis.call('XDEL', prefix .. key_names.nothing, '0-0')
for i = 8, #ARGV, 2 do
  local name, due = ARGV[i], tonumber(ARGV[i + 1])
  local is_active = tonumber(redis.call('ZSCORE', KEYS[2], name) or 0) >= tonumber(ARGV[4])
  if is_active then due = math.min(due or math.huge, now + tonumber(ARGV[6])) end
  -- XX: an erased tenant is not registered again.
  if not due then redis.call('ZREM', KEYS[1], name)
  else redis.call('ZADD', KEYS[1], 'XX', whole(due > now and due or now + tonumber(ARGV[5])), name) end
end
return reply()
