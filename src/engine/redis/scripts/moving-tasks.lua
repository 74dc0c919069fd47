--[[
  Common to the scripts that move tasks from store to store; behind tasks.lua. The stamp is that of src/engine/moving/stamp.ts.
]]
local STAMPED = { 'queue', 'status', 'priority', 'attempt', 'max_attempts', 'releases', 'replays', 'workflow', 'created', 'ready', 'due', 'expires',
  'lease_ends', 'worker', 'cancel', 'reason', 'ended', 'token', 'place', 'started', 'progress', 'kept_until', 'deduped_until', 'held_lease' }

local function task_stamp(task)
  local fields = {}
  for i, name in ipairs(STAMPED) do fields[i] = task[name] ~= nil and text_of(task[name]) or name == 'progress' and '0' or '' end
  return redis.sha1hex(table.concat(fields, '\n'))
end
