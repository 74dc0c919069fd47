--[[
  begin-upgrade: shuts out services of schema 3, then marks the data as being upgraded. Idempotent.
  KEYS[1]  any key of the default tenant, for routing
  ARGV[1]  prefix of its keys
  ARGV[4]  '1' only to look
  ARGV[5]  '1' although a service of schema 3 may still write
  Returns  {'none'}: there is no data of schema 3   {'done'}: it is of this schema
           {'alive', milliseconds}: a service of schema 3 may still write, for this long at least   {'begun'}
]]
local number, active = prefix .. former.SCHEMA_KEY, prefix .. former.ACTIVE_KEY
own_keys.expect('string', prefix .. key_names.schema)
local mark = redis.call('GET', prefix .. key_names.schema)
if mark == schema.UPGRADING then return { 'begun' } end
if own_keys.is_marked() then return { 'done' } end
if own_keys.type_of(number) ~= 'string' or redis.call('GET', number) ~= former.SCHEMA then return { 'none' } end
-- The number may be that of another program. A service of schema 3 has also written one of these.
local function is_name(key) return own_keys.type_of(key) == 'string' and redis.call('STRLEN', key) == 36 end
if own_keys.type_of(prefix .. former.TENANTS_KEY) ~= 'zset' and not is_name(prefix .. former.EPOCH_KEY) then return { 'none' } end
-- A service of schema 3 announces its writes here before it sends them.
if own_keys.type_of(active) == 'zset' and ARGV[5] ~= '1' then
  local latest = tonumber(redis.call('ZRANGE', active, -1, -1, 'WITHSCORES')[2])
  if latest and latest > now then return { 'alive', whole(latest - now) } end
end
if ARGV[4] == '1' then return { 'begun' } end
-- No service of schema 3 starts on another number, and none can announce a write to a text: each of its writes fails.
redis.call('SET', number, former.NEXT_SCHEMA)
redis.call('DEL', active)
redis.call('SET', active, former.SHUT)
redis.call('SET', prefix .. key_names.schema, schema.UPGRADING)
return { 'begun' }
