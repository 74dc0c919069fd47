--[[
  legacy: which of some values other programs wrote, and no service has adopted.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4+] ids
  Returns  {id…}
]]
local found = {}
for i = 4, #ARGV do
  local record = workflows.load(ARGV[i])
  if record and (record.kind == 'legacy' or record.kind == 'taken') then found[#found + 1] = ARGV[i] end
end
return found
