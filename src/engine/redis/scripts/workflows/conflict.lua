--[[
  conflict: stores conflict records: commits made while Redis was unreachable that cannot be applied any more.
  The request: once [one], conflicts [{id, record: text, keepMs?, hasState}]   without keepMs the record never expires
  Its texts  the state of each conflict, '' without one
  Its reply  {'kept', n…}, or {'replayed', kept} {'mismatch'}
]]
perform.conflict = function(request)
  local known = once_keys.happened(request)
  if known then return known end

  own_keys.expect('stream', prefix .. key_names.events)
  for _, one in ipairs(request.conflicts) do
    local last = tonumber(redis.call('HGET', conflict_records.key(one.id), 'last') or 0)
    for n = last + 1, last + #request.conflicts do own_keys.expect('string', conflict_records.state_key(one.id, n)) end
  end
  first_writes.begin(true)
  local reply, kept = { 'kept' }, {}
  for i, one in ipairs(request.conflicts) do
    local key = conflict_records.key(one.id)
    local left = redis.call('PTTL', key)
    local ends = one.keepMs and now + one.keepMs or false
    local state = ARGV[request.first + i - 1]
    local n = redis.call('HINCRBY', key, 'last', 1)
    if one.hasState and ends then redis.call('SET', conflict_records.state_key(one.id, n), state, 'PXAT', whole(ends))
    elseif one.hasState then redis.call('SET', conflict_records.state_key(one.id, n), state) end
    redis.call('HSET', key, whole(n), deadline_text(ends) .. ' ' .. one.record)
    -- The list expires with the last of its records.
    if not ends then redis.call('PERSIST', key)
    elseif left == -2 or (left >= 0 and server_time() + left < ends) then redis.call('PEXPIREAT', key, whole(ends)) end
    feeding.feed('type', 'workflow.conflict', 'id', one.id, 'conflict', whole(n))
    feeding.hint('workflow ' .. one.id)
    kept[i] = { id = one.id, n = n }
    reply[#reply + 1] = n
  end
  once_keys.keep(request.once[1], { conflicts = kept })
  return reply
end
