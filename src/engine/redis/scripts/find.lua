--[[
  find: workflows with their states.
  KEYS     the state keys
  ARGV[4+] the ids
  Returns  for each id a line and a state, or false twice. The line is
           "<incarnation> <version> <created> <updated> <deadline> <kind>", see load in workflow.lua
]]
local found = {}
for i = 4, #ARGV do
  local record = load(ARGV[i])
  found[#found + 1] = record and line_of(record) or false
  found[#found + 1] = record and text_under(state_key(ARGV[i])) or false
end
return found
