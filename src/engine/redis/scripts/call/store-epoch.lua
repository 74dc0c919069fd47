--[[
  store-epoch: the random name of the data in this Redis, made by the first replica that asks.
  KEYS[1]  the key of the name
  ARGV[1]  prefix of the keys of the tenant that has it
  ARGV[4]  the name, if there is none
  Returns  {the name, time of the scripts, by how much it is ahead of the server}
]]
own_keys.ensure_mark()
local known = redis.call('GET', KEYS[1])
if known then return { known, whole(now), whole(ahead) } end
-- XDEL comes first, so that a full server accepts the name: it checks memory only at the first write of a script.
redis.call('XDEL', ARGV[1] .. key_names.nothing, '0-0')
redis.call('SET', KEYS[1], ARGV[4])
return { ARGV[4], whole(now), whole(ahead) }
