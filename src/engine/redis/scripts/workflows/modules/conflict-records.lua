-- Conflict records of a workflow: a hash of "<deadline> <record>" by number, with the last number under 'last', and a key for each state.
local function conflicts_key(id) return prefix .. key_names.conflicts .. id end
local function conflict_state_key(id, n) return prefix .. key_names.conflictState .. id .. ':' .. whole(n) end

-- The record; nil when absent or expired.
local function conflict_record(id, n)
  local stored = redis.call('HGET', conflicts_key(id), whole(n))
  local ends, text = string.match(stored or '', '^(%S+) (.*)$')
  if not ends or (ends ~= '-' and tonumber(ends) <= now) then return nil end
  return text
end

local LAST_NUMBER_KEPT_MS = 86400000
local function drop_conflict(id, n)
  local key = conflicts_key(id)
  redis.call('HDEL', key, whole(n))
  redis.call('DEL', conflict_state_key(id, n))
  -- The last number is kept for a while, so that no number is used again soon.
  if redis.call('HLEN', key) == 1 then redis.call('PEXPIRE', key, LAST_NUMBER_KEPT_MS) end
end

return { key = conflicts_key, state_key = conflict_state_key, read = conflict_record, drop = drop_conflict }
