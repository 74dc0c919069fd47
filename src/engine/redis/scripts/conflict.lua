--[[
  conflict: keeps what a commit wrote while Redis was away, and could not become current.
  KEYS[1]  a state key (it routes the script; the others follow from the prefix)
  ARGV[4]  the plan, JSON made by the service:
             replica, epoch, once   as in commit
             conflicts [{id, record: text, keepMs?, hasState}]   without keepMs it is kept for ever
  ARGV[5+] the states, one for each conflict, '' where there is none
  Returns  {'kept', n…}, or {'replayed', kept} {'mismatch'} {'fenced'}
]]
local known = happened()
if known then return known end

local reply, kept = { 'kept' }, {}
for i, one in ipairs(plan.conflicts) do
  local key = conflicts_key(one.id)
  local left = redis.call('PTTL', key)
  local ends = one.keepMs and now + one.keepMs or false
  local n = redis.call('HINCRBY', key, 'last', 1)
  if one.hasState and ends then redis.call('SET', conflict_state_key(one.id, n), ARGV[4 + i], 'PXAT', whole(ends))
  elseif one.hasState then redis.call('SET', conflict_state_key(one.id, n), ARGV[4 + i]) end
  redis.call('HSET', key, whole(n), deadline_text(ends) .. ' ' .. one.record)
  -- The list lives as long as the last of its records.
  if not ends then redis.call('PERSIST', key)
  elseif left == -2 or (left >= 0 and server_time() + left < ends) then redis.call('PEXPIREAT', key, whole(ends)) end
  redis.call('XADD', prefix .. 'events', 'MAXLEN', '~', EVENTS_KEPT, '*', 'type', 'workflow.conflict', 'id', one.id, 'conflict', whole(n))
  redis.call('PUBLISH', prefix .. 'changes', 'workflow ' .. one.id)
  kept[i] = { id = one.id, n = n }
  reply[#reply + 1] = n
end
keep(plan.once[1], { conflicts = kept })
return reply
