--[[
  adopt: makes a value that another program wrote a version of ours. Doing it again does nothing.
  KEYS[1]  the state key
  ARGV[4]  the id
  ARGV[5]  the state that was seen; if it is another one now, nothing is done
  ARGV[6]  index entries of that state, a JSON list
  Returns  'adopted', 'ours' or 'changed'
]]
local id = ARGV[4]
local record = load(id)
if not record or text_under(state_key(id)) ~= ARGV[5] then return 'changed' end
if record.kind == 'ours' then return 'ours' end
local is_new = record.kind == 'legacy'
if is_new then
  announce_end(id)
  unindex(id)
  redis.call('DEL', history_key(id))
end
local before = record.deadline
record.deadline = held_deadline(id, before, record.ttl)
write_meta(id, record, record.history_bytes)
set_deadline(id, record.deadline, record.deadline ~= before)
index(id, record, cjson.decode(ARGV[6]), is_new)
announce('workflow.adopted', id, record)
tell()
return 'adopted'
