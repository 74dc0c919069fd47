--[[
  move-history: a part of a long history, for move-read.
  KEYS[1]  the state key
  ARGV[4]  the id
  ARGV[5]  stamp of the workflow
  ARGV[6]  number of entries before this part
  Returns  entries, newest first; false if the workflow is another one by now
]]
local id, before = ARGV[4], tonumber(ARGV[6])
local record = workflows.load(id)
if not record or moving.core_of(moving.stamp_of(id, record)) ~= moving.core_of(ARGV[5]) then return false end
local entries = {}
while not history.is_piece_full() do
  local entry = history.entry_at(id, before + #entries)
  if not entry then break end
  entries[#entries + 1] = entry
end
return entries
