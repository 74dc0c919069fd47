--[[
  indexing: puts a workflow into its indexes.
]]
-- Starts of keys, made once for a call: each key is one more string.
local by_start, updated_key = workflow_names.index_key('by:'), workflow_names.index_key('updated')

-- Indexes a record by its fields `updated` and `entries`, a JSON list. `entries`: the same as a table; `before`: its score in the indexes until now, nil
-- if it has no index entries; `former`: its entries until now, as JSON.
local function index(id, record, entries, before, former)
  local updated = whole(record.updated)
  first_writes.place(updated_key, updated, id, before)
  if not before then
    first_writes.place(workflow_names.index_key('created'), whole(record.created), id)
    first_writes.place(workflow_names.index_key('ids'), 0, id)
  end
  if not before or former == record.entries then
    for _, entry in ipairs(entries) do first_writes.place(by_start .. entry, updated, id, before) end
    return
  end
  local had = {}
  for _, entry in ipairs(cjson.decode(former)) do had[entry] = true end
  for _, entry in ipairs(entries) do
    first_writes.place(by_start .. entry, updated, id, had[entry] and before)
    had[entry] = nil
  end
  for entry in pairs(had) do first_writes.displace(by_start .. entry, id, before) end
end

-- Puts the deadline of a record into its index, in place of `record.due`. The index is only a hint: a score is never later than the deadline, and the
-- sweep moves an earlier one.
local function index_deadline(id, record)
  local due, deadline = record.due, record.deadline
  if deadline and (not due or deadline < due) then first_writes.place(workflow_names.index_key('deadline'), whole(deadline), id, due)
  elseif due and not deadline then first_writes.displace(workflow_names.index_key('deadline'), id, due) end
  record.due = deadline
end

return { index = index, index_deadline = index_deadline }
