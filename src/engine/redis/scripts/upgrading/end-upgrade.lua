--[[
  end-upgrade: marks the data of the default tenant as that of this schema. Idempotent.
  KEYS[1]  any key of the default tenant, for routing
  ARGV[1]  prefix of its keys
  Returns  OK
]]
if redis.call('GET', ARGV[1] .. key_names.schema) == schema.UPGRADING then redis.call('SET', ARGV[1] .. key_names.schema, schema.MARK) end
own_keys.check_fixed()
return 'OK'
