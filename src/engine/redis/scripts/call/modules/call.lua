--[[
  Put in front of the scripts that are called for tasks, or for what happens once.
  ARGV[4]  the call, JSON made by the service
]]
local call = cjson.decode(ARGV[4])

-- How each kind of request is carried out; filled by the files that follow.
local perform = {}
