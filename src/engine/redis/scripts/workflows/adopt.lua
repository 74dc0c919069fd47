--[[
  adopt: makes the value of another program a version of ours. Idempotent.
  KEYS[1]  the state key
  ARGV[4]  the id
  ARGV[5]  expected state; nothing is written if the state is another one
  ARGV[6]  index entries of that state, a JSON list
  Returns  'adopted', 'ours' or 'changed'
]]
local id = ARGV[4]
local record = workflow_store.load(id, 'digest')
if not record or record.text ~= ARGV[5] then return 'changed' end
if record.kind == 'ours' then return 'ours' end
if record.kind == 'taken' then own_keys.taken(workflow_names.state_key(id)) end
own_keys.ensure_mark()
local entries, is_new = cjson.decode(ARGV[6]), record.kind == 'legacy'
removal.expect_workflow(id, entries)
record.deadline = workflow_store.held_deadline(id, record.deadline, record.ttl)
if is_new then removal.clear(id) end
local before, former = not is_new and record.indexed or nil, record.entries
record.entries = ARGV[6]
indexing.index(id, record, entries, before, former)
record.indexed = nil
record.kind = 'ours'
workflow_store.save(id, record)
feeding.announce('workflow.adopted', id, record)
-- The meta, which is written now, makes the value ours: after a failure before, the next adoption starts again.
workflow_store.write()
feeding.tell()
return 'adopted'
