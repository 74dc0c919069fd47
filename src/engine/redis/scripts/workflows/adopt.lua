--[[
  adopt: makes the value of another program a version of ours. Idempotent.
  KEYS[1]  the state key
  ARGV[4]  the id
  ARGV[5]  expected state; nothing is written if the state is another one
  ARGV[6]  index entries of that state, a JSON list
  Returns  'adopted', 'ours' or 'changed'
]]
local id = ARGV[4]
local record = workflows.load(id, 'digest')
if not record or record.text ~= ARGV[5] then return 'changed' end
if record.kind == 'ours' then return 'ours' end
if record.kind == 'taken' then own_keys.taken(workflows.state_key(id)) end
own_keys.ensure_mark()
own_keys.expect('stream', prefix .. key_names.events)
writing.expect_workflow(id, cjson.decode(ARGV[6]), true)
local is_new = record.kind == 'legacy'
if is_new then
  writing.announce_end(id)
  writing.unindex(id)
  redis.call('DEL', workflows.history_key(id))
end
record.deadline = workflows.held_deadline(id, record.deadline, record.ttl)
writing.index(id, record, cjson.decode(ARGV[6]), is_new)
writing.announce('workflow.adopted', id, record)
-- The meta makes the value ours, so it comes last: after a failure, the next adoption starts again.
writing.write_meta(id, record, record.history_bytes)
writing.set_deadline(id, record.deadline, record.deadline ~= record.real)
writing.tell()
return 'adopted'
