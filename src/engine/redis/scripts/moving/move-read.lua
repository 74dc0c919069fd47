--[[
  move-read: workflows with everything that belongs to them, without their tasks.
  KEYS     state keys
  ARGV[4+] ids
  Returns  for each id {line, time to live, about, state, {earlier version…}}, versions newest first, see extend_history; false for an absent one,
           '\n' for an empty value of another program
]]
local found = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local record = workflows.load(id, 'digest')
  found[#found + 1] = record and { workflows.line_of(record), deadline_text(record.ttl), record.about, record.text,
    redis.call('LRANGE', workflows.history_key(id), 0, -1) } or moving.is_emptied(id) and '\n' or false
end
return found
