-- Conflict records: a hash by number ("<until> <record>", 'last' counts them), and beside it a key for each state.
local function conflicts_key(id) return prefix .. key_names.conflicts .. id end
local function conflict_state_key(id, n) return prefix .. key_names.conflictState .. id .. ':' .. whole(n) end

-- Its text, if its time is not over.
local function conflict_record(id, n)
  local stored = redis.call('HGET', conflicts_key(id), whole(n))
  local ends, text = string.match(stored or '', '^(%S+) (.*)$')
  if not ends or (ends ~= '-' and tonumber(ends) <= now) then return nil end
  return text
end

local NUMBERS_KEPT_MS = 86400000
local function drop_conflict(id, n)
  local key = conflicts_key(id)
  redis.call('HDEL', key, whole(n))
  redis.call('DEL', conflict_state_key(id, n))
  -- The count of them goes too, but later: no number should soon be another record's.
  if redis.call('HLEN', key) == 1 then redis.call('PEXPIRE', key, NUMBERS_KEPT_MS) end
end

return { key = conflicts_key, state_key = conflict_state_key, read = conflict_record, drop = drop_conflict }
