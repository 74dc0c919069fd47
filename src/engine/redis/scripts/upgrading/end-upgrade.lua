--[[
  end-upgrade: marks the data of a tenant as that of the next stage, or of this schema. Idempotent.
  KEYS[1]  any key of the tenant, for routing
  ARGV[1]  prefix of its keys
  ARGV[2]  the mark that it has
  ARGV[3]  its next mark
  Returns  OK
]]
if redis.call('GET', ARGV[1] .. key_names.schema) == ARGV[2] then redis.call('SET', ARGV[1] .. key_names.schema, ARGV[3]) end
return 'OK'
