--[[
  move-read: workflows with everything that belongs to them, without their tasks.
  KEYS     state keys
  ARGV[4+] ids
  Returns  for each id {line, time to live, about, state, length of the history, {earlier version…}}, versions newest first, see extend_history, and none
           of a history beyond a piece, which move-history reads; false for an absent one, '\n' for an empty value of another program
]]
local found = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local record = workflows.load(id, 'digest')
  if record then
    local length = history.length_of(id)
    local is_short = record.history_bytes <= limits.HISTORY_PIECE_BYTES and length <= limits.HISTORY_PIECE_ENTRIES
    local entries = is_short and redis.call('LRANGE', workflow_names.history_key(id), 0, -1) or {}
    found[#found + 1] = { workflows.line_of(record), deadline_text(record.ttl), record.about, record.text, whole(length), entries }
  else found[#found + 1] = moving.is_emptied(id) and '\n' or false end
end
return found
