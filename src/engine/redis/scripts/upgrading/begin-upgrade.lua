--[[
  begin-upgrade: shuts out services of the earlier schema, then marks the data as being upgraded. Idempotent.
  KEYS[1]  any key of the default tenant, for routing
  ARGV[1]  prefix of its keys
  ARGV[4]  '1' only to look
  ARGV[5]  '1' although a service of the earlier schema may still write
  Returns  {'none'}: there is no data of schema 3 or 4   {'done'}: it is of this schema
           {'alive', milliseconds}: a service of the earlier schema may still write, for this long at least
           {'begun', mark}: the data is of schema 3 while the mark is RENAMING, else of schema 4
]]
local mark_key = prefix .. key_names.schema
own_keys.expect('string', mark_key)
local mark = redis.call('GET', mark_key)
if mark == schema.RENAMING or mark == schema.PACKING then return { 'begun', mark } end
local is_marked = mark and string.sub(mark, 1, #schema.FORMER_MARK_START) == schema.FORMER_MARK_START
if not is_marked and own_keys.is_marked() then return { 'done' } end

local number, active = prefix .. former.SCHEMA_KEY, prefix .. (is_marked and former.ANNOUNCED or former.ACTIVE_KEY)
if not is_marked then
  if own_keys.type_of(number) ~= 'string' or redis.call('GET', number) ~= former.SCHEMA then return { 'none' } end
  -- The number may be that of another program. A service of schema 3 has also written one of these.
  local function is_name(key) return own_keys.type_of(key) == 'string' and redis.call('STRLEN', key) == 36 end
  if own_keys.type_of(prefix .. former.TENANTS_KEY) ~= 'zset' and not is_name(prefix .. former.EPOCH_KEY) then return { 'none' } end
end
-- A service announces its writes here before it sends them.
if own_keys.type_of(active) == 'zset' and ARGV[5] ~= '1' then
  local latest = tonumber(redis.call('ZRANGE', active, -1, -1, 'WITHSCORES')[2])
  if latest and latest > now then return { 'alive', whole(latest - now) } end
end
local next_mark = is_marked and schema.PACKING or schema.RENAMING
if ARGV[4] == '1' then return { 'begun', next_mark } end
if not is_marked then
  -- No service of schema 3 starts on another number, and none can announce a write to a text: each of its writes fails.
  redis.call('SET', number, former.NEXT_SCHEMA)
  redis.call('DEL', active)
  redis.call('SET', active, former.SHUT)
end
-- A script of schema 4 checks the mark of its tenant before it writes.
redis.call('SET', mark_key, next_mark)
return { 'begun', next_mark }
