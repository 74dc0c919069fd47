--[[
  Tasks as such. What becomes of one is the same, step for step, in src/engine/memory/tasks/task-work.ts.
  call.limits, wherever tasks are known: {mostOpen, resultMs, progressMs, deadMs, mostDead}
  A task goes out as the list of its fields (all text, '' for none) in the order of OUTSIDE; a claimed one in that of claimed_of.
]]
local OPEN = { ready = true, delayed = true, leased = true }
local function is_open(task) return OPEN[task.status] end

local function text_of(value) return type(value) == 'number' and whole(value) or value == true and '1' or value end

-- The same in task-replies.ts.
local OUTSIDE = { 'id', 'queue', 'status', 'priority', 'attempt', 'max_attempts', 'releases', 'replays', 'workflow', 'created', 'ready', 'due', 'expires',
  'lease_ends', 'worker', 'cancel', 'reason', 'ended' }
-- These stay behind when the task goes on.
local ONLY_WHILE = { ready = 'ready', due = 'delayed', lease_ends = 'leased' }

-- Those fields as texts, '' for none.
local function texts_of(task, names)
  local texts = {}
  for i, name in ipairs(names) do
    local is_meant = not ONLY_WHILE[name] or ONLY_WHILE[name] == task.status
    texts[i] = is_meant and task[name] and text_of(task[name]) or ''
  end
  return texts
end

local function fields_of(task) return texts_of(task, OUTSIDE) end

local function announce_task(event, task)
  if task.workflow then writing.feed('type', event, 'id', task.id, 'queue', task.queue, 'workflow', task.workflow)
  else writing.feed('type', event, 'id', task.id, 'queue', task.queue) end
  -- Nobody waits for a claim.
  if event ~= 'task.claimed' then writing.hint('task ' .. task.id) end
  if task.status == 'ready' or task.status == 'delayed' then writing.hint('queue ' .. task.queue) end
end

return { OPEN = OPEN, is_open = is_open, texts_of = texts_of, fields_of = fields_of, announce = announce_task }
