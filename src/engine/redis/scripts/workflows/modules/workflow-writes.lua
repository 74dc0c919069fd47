--[[
  workflow-writes: writes the record of a workflow: its state, its meta, and their deadlines.
]]
-- The history outlives its workflow by this part of the time to live, so that few writes renew its expiry. The sweep removes it in time.
local HISTORY_SLACK = 8

local function write_history_end(id, record)
  local ends, deadline = record.history_ends, record.deadline
  if ends and not deadline then
    redis.call('PERSIST', workflow_names.history_key(id))
    record.history_ends = false
  elseif deadline and (ends and ends < deadline or not ends and record.has_longer_history) then
    record.history_ends = deadline + math.floor((record.ttl or 0) / HISTORY_SLACK)
    redis.call('PEXPIREAT', workflow_names.history_key(id), whole(record.history_ends))
  end
end

-- With `is_written` the state is written too.
local function write(id, record)
  local key, deadline = workflow_names.state_key(id), record.deadline
  if record.is_written then
    if deadline then redis.call('SET', key, record.text, 'PXAT', whole(deadline)) else redis.call('SET', key, record.text) end
  elseif deadline ~= record.ends then
    if deadline then redis.call('PEXPIREAT', key, whole(deadline)) else redis.call('PERSIST', key) end
  end
  record.is_written, record.ends = false, deadline
  indexing.index_deadline(id, record)
  write_history_end(id, record)
  redis.call('SET', workflow_names.meta_key(id), meta_fields.pack(record))
  record.has_longer_history = false
end

return { write = write }
