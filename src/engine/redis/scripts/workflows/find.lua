--[[
  find: workflows with their states.
  KEYS     state keys
  ARGV[4+] ids
  Returns  for each id line and state, or false twice. The line is
           "<incarnation> <version name> <created> <updated> <deadline> <kind> <digest or ->". The service compares the digest: a SHA-1 of a large state
           would hold up Redis
]]
local found = {}
for i = 4, #ARGV do
  local record = workflows.load(ARGV[i], 'text')
  found[#found + 1] = record and workflows.line_of(record) or false
  found[#found + 1] = record and record.text or false
end
return found
