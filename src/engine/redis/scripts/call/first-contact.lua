--[[
  first-contact: marks the keys of a new tenant as ours, and checks the types of those that it has only once.
  KEYS[1]  any key of the tenant, for routing
  ARGV[1]  prefix of the tenant's keys
  Returns  OK
]]
own_keys.ensure_mark()
own_keys.check_fixed()
return 'OK'
