--[[
  conflict: keeps what a commit wrote while Redis was away, and could not become current.
  A request  once [one], conflicts [{id, record: text, keepMs?, hasState}]   without keepMs it is kept for ever
  Its texts  the states, one for each conflict, '' where there is none
  Its reply  {'kept', n…}, or {'replayed', kept} {'mismatch'}
]]
perform.conflict = function(request)
  local known = once_keys.happened(request)
  if known then return known end

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
    -- The list lives as long as the last of its records.
    if not ends then redis.call('PERSIST', key)
    elseif left == -2 or (left >= 0 and server_time() + left < ends) then redis.call('PEXPIREAT', key, whole(ends)) end
    writing.feed('type', 'workflow.conflict', 'id', one.id, 'conflict', whole(n))
    writing.hint('workflow ' .. one.id)
    kept[i] = { id = one.id, n = n }
    reply[#reply + 1] = n
  end
  once_keys.keep(request.once[1], { conflicts = kept })
  return reply
end
