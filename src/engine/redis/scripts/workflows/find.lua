--[[
  find: workflows with their states.
  KEYS     state keys
  ARGV[4]  bytes of states after which the reply ends: many large states would hold up Redis
  ARGV[5+] ids
  Returns  for each of the first ids, at least one, line and state, or false twice. The line is
           "<incarnation> <version name> <created> <updated> <deadline> <kind> <digest or ->". The service compares the digest: a SHA-1 of a large state
           would hold up Redis
]]
local found, bytes = {}, 0
for i = 5, #ARGV do
  if bytes >= tonumber(ARGV[4]) then break end
  local record = workflows.load(ARGV[i], 'text')
  bytes = bytes + (record and record.bytes or 0)
  found[#found + 1] = record and workflows.line_of(record) or false
  found[#found + 1] = record and record.text or false
end
return found
