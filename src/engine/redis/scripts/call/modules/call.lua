--[[
  call: parses the call. First module of scripts that take a call.
  ARGV[4]  the call, JSON made by the service
]]
local call = cjson.decode(ARGV[4])

-- Handler of each kind of request; the files after this one add theirs.
local perform = {}
