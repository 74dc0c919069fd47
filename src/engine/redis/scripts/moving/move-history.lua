--[[
  move-history: a part of a long history, for move-read.
  KEYS[1]  the state key
  ARGV[4]  the id
  ARGV[5]  stamp of the workflow
  ARGV[6]  number of entries before this part
  ARGV[7]  bytes after which the part ends
  ARGV[8]  maximum number of entries
  Returns  entries, newest first; false if the workflow is another one by now
]]
local id, before, most_bytes, most = ARGV[4], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local record = workflows.load(id)
if not record or moving.core_of(moving.stamp_of(id, record)) ~= moving.core_of(ARGV[5]) then return false end
local entries, bytes = {}, 0
while #entries < most and bytes < most_bytes do
  local entry = history.entry_at(id, before + #entries)
  if not entry then break end
  entries[#entries + 1] = entry
  bytes = bytes + #entry
end
return entries
