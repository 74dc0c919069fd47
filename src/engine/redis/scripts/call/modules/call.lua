--[[
  call: parses the call. Stands in front of scripts that take one.
  ARGV[4]  the call, JSON made by the service
]]
local call = cjson.decode(ARGV[4])

-- Handler of each kind of request; filled by the files that follow.
local perform = {}
