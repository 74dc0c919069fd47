--[[
  What moves tasks from store to store. The stamp is that of src/engine/moving/stamp.ts.
]]
local STAMPED = { 'queue', 'status', 'priority', 'attempt', 'max_attempts', 'releases', 'replays', 'workflow', 'created', 'ready', 'due', 'expires',
  'lease_ends', 'worker', 'cancel', 'reason', 'ended', 'token', 'place', 'started', 'progress', 'kept_until', 'deduped_until', 'held_lease' }
-- What only the store itself needs to know; the same in moved-replies.ts.
local INSIDE = { 'backoff', 'lease', 'limit', 'place', 'token', 'started', 'held_lease', 'kept_until', 'deduped_until', 'dedupe', 'progress', 'is_timed' }

local function task_stamp(task)
  local texts = tasks.texts_of(task, STAMPED)
  for i, name in ipairs(STAMPED) do
    if name == 'progress' and texts[i] == '' then texts[i] = '0' end
  end
  return redis.sha1hex(table.concat(texts, '\n'))
end

return { INSIDE = INSIDE, stamp_of = task_stamp }
