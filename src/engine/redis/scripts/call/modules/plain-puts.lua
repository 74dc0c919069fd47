--[[
  plain-puts: carries out the first requests of a call, as long as each puts one version over a version of ours, or over nothing, and nothing about it is
  unusual. Most requests are so. If all are, the script ends here: the modules after this one are not made, which would cost more than the commands of a put.
  Arguments of a put: see put-arguments.lua. Its replies: see commit.lua.
]]
-- The record of a workflow, from its state and its packed meta. Nil if it is over, is held by tasks, or has the value of another program.
local function plain_record(key, text, packed, is_state_needed)
  local record = meta_fields.unpack(packed)
  local deadline = record and record.deadline
  if not record or deadline and deadline <= now or record.ttl and not deadline then return nil end
  if #text ~= record.bytes or stored_values.real_deadline(key, deadline) ~= deadline then return nil end
  if is_state_needed and record.digest and stored_values.digest_of(text) ~= record.digest then return nil end
  return record
end

-- The reply; nil, without a change, for a put that is left to commit.lua.
local function plain_put(at)
  local _, flags, once, fingerprint, keep_ms, id, expect, inc, ttl_text, about, check, digest, entries, count = unpack(ARGV, at, at + PUT_PLACES - 1)
  local key, meta_key, keeps_history = workflow_names.state_key(id), workflow_names.meta_key(id), call.historyLimit > 0
  local found = redis.call('MGET', key, meta_key)
  local text, packed, ttl, record, before, former = found[1], found[2], tonumber(ttl_text), nil, nil, nil
  local is_new = not text
  if is_new then
    if packed or workflow_names.is_any_key(id) or string.find(flags, 'm', 1, true) then return nil end
    if ttl_text == 'keep' then ttl = default_ttl end
  else
    record = packed and plain_record(key, text, packed, keeps_history or expect ~= '')
    -- A workflow that never expired may have open tasks: they hold it as soon as it has a time to live.
    if not record or ttl and not record.ttl then return nil end
    before, former = record.updated, record.entries
  end
  if expect ~= '' and not expectations.holds(cjson.decode(expect), record) then return nil end

  local earlier = record and keeps_history and #text <= call.historyMaxBytes and workflow_names.version_header(record) .. '\n' .. text
  local first = at + PUT_PLACES
  local behind = first + tonumber(count)
  record = record or meta_fields.new(inc)
  record.version, record.updated, record.about, record.check, record.digest = record.version + 1, math.max(now, record.updated), about, check, digest
  record.entries, record.text, record.is_written = entries, ARGV[behind], true
  record.bytes = #record.text
  if ttl then record.deadline, record.ttl = now + ttl, ttl
  elseif ttl_text == 'never' then record.deadline, record.ttl = false, false end
  local result = once_values.result_of(id, record, is_new)
  local kept, ends = once_values.kept_of(result), whole(now + (tonumber(keep_ms) or call.keptMs))
  if not kept then return nil end

  first_writes.try()
  -- A known request changes nothing.
  local once_key = once_values.key_of(once)
  if not first_writes.create(once_key, once_values.value(ends, fingerprint, kept), ends) then return nil end
  local length = earlier and history_writes.add(id, record, earlier)
  indexing.index(id, record, { unpack(ARGV, first, behind - 1) }, before, former)
  indexing.index_deadline(id, record)
  if is_new then feeding.announce('workflow.created', id, record) else feeding.announce_next(id, record) end
  history_writes.trim(id, record, length)
  workflow_writes.write(id, record)
  return { 'done', result }
end

while ARGV[next_at] == 'put' do
  local reply, not_master = reply_of(plain_put, next_at)
  if not_master then return not_master end
  if not reply then break end
  replies[#replies + 1] = reply
  next_at = next_at + PUT_PLACES + 1 + tonumber(ARGV[next_at + PUT_PLACES - 1])
end
if next_at > #ARGV then return replies_after(feeding.tell) end
