--[[
  workflows: records of workflows.
  Deadlines and times to live are milliseconds, or false for never; '-' as text. A workflow with a time to live and no deadline is held by open tasks.
]]
-- The fields of the meta, in a new table; nil when absent.
local function meta_of(id, packed)
  if not packed then return nil end
  local meta = meta_fields.unpack(packed)
  if not meta then error('KEY_TAKEN string ' .. workflow_names.meta_key(id) .. ' END_OF_KEY', 0) end
  return meta
end

--[[
  The record of a workflow: the fields of its meta and these. Nil when absent or expired; then also the meta, if it is still there, and whether no key
  of the workflow exists, if that is known.
  kind     'ours'
           'legacy': written by another program and not adopted; it is version 1, and its incarnation is a digest of the value, so the ETag changes with
           the value
           'foreign': a workflow of ours whose value another program replaced; it counts as the next version, and its check is the digest
           'taken': the value is not text; it is not changed
  text     the state, if `with` is given
  ends     expiry of the state by the clock of the server. That of a value of another program, which set it by that clock, is not the deadline
  due      score in the index of deadlines, or a later time; false for none
  indexed  score in the indexes of updates, if that is not `updated`
  remains  the meta of an expired workflow, under the value of another program
  `with`: 'text' for a record with the state; 'digest' if also a value of the same length and deadline is to be recognised as foreign, by its digest.
  Without it the state is not read. A record that was written before there were checks has neither check nor digest.
]]
local function load(id, with)
  local key, text, packed, bytes = workflow_names.state_key(id), nil, nil, nil
  if with then
    local found = redis.call('MGET', key, workflow_names.meta_key(id))
    text, packed = found[1], found[2]
    if not text and not workflow_names.is_any_key(id) then return nil, nil, true end
  else
    packed = redis.call('GET', workflow_names.meta_key(id))
  end
  bytes = text and #text or stored_values.length_under(key)
  -- MGET hides a value of another type, GET raises an error.
  if with and not packed then packed = redis.call('GET', workflow_names.meta_key(id)) end
  local meta = meta_of(id, packed)
  if bytes == 0 then return nil, meta end
  if with and not text then text = '' end
  if not meta then return foreign_values.legacy(key, text, bytes) end
  local deadline = meta.deadline
  local real = stored_values.real_deadline(key, deadline)
  local real_digest = with == 'digest' and meta.digest and stored_values.digest_of(text)
  local is_changed = (real_digest and real_digest ~= meta.digest) or real ~= deadline or bytes ~= meta.bytes
  if deadline and deadline <= now then
    if is_changed then return foreign_values.legacy(key, text, bytes, meta) end
    return nil, meta
  end
  meta.text, meta.bytes = text, bytes
  if is_changed then return foreign_values.make_foreign(key, meta, real, real_digest) end
  return meta
end

local function line_of(record)
  return record.inc .. ' ' .. workflow_names.version_name(record) .. ' ' .. whole(record.created) .. ' ' .. whole(record.updated) .. ' ' ..
    deadline_text(record.deadline) .. ' ' .. record.kind .. ' ' .. (record.digest or '-')
end

return { load = load, meta_of = meta_of, line_of = line_of }
