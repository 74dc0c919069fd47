--[[
  move-now: time of the scripts.
  KEYS[1]  any key of the tenant, for routing
  Returns  milliseconds
]]
return whole(now)
