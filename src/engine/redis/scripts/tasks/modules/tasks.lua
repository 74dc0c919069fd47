--[[
  tasks: status and events of tasks. src/engine/memory/tasks/task-work.ts does the same, step by step; task-fields-lua.ts packs the fields.
  The call  limits {maxOpen, maxBytes, resultMs, progressMs, deadMs, maxDead}
]]
local OPEN = { ready = true, delayed = true, leased = true }
local function is_open(task) return OPEN[task.status] end

local function announce_task(event, task)
  if task.workflow then feeding.feed('type', event, 'id', task.id, 'queue', task.queue, 'workflow', task.workflow)
  else feeding.feed('type', event, 'id', task.id, 'queue', task.queue) end
  -- Claims wake no waiter, so no hint is sent.
  if event ~= 'task.claimed' then feeding.hint('task ' .. task.id) end
  if task.status == 'ready' or task.status == 'delayed' then feeding.hint('queue ' .. task.queue) end
end

return { OPEN = OPEN, is_open = is_open, announce = announce_task }
