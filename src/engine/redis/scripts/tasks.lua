--[[
  Common to the scripts that know tasks; behind writing.lua and once.lua. What becomes of a task is the same, step for step, in
  src/engine/memory/tasks/task-work.ts.
  call.limits  {mostOpen, resultMs, progressMs, deadMs, mostDead}
  A task goes out as the list of its fields (all text, '' for none) in the order of OUTSIDE; a claimed one in that of claimed_of.
]]
local PLACES_PER_PRIORITY = 2 ^ 44
local HIGHEST_PRIORITY = 9
local TIDIED_AT_ONCE = 100
local MOST_RELEASES = 20
local FAILURES_KEPT = 10
local PROGRESS_KEPT = 1000
local MOST_CANCELLED = 1000
local WORKER_SEEN_MS = 600000
local WORKER_NOTED_MS = 5000
-- No ended task is kept longer for its dedupe key.
local LONGEST_DEDUPE_MS = 86400000

-- Made once for each, for a call of many requests asks for the same ones over and over.
local queue_keys = { ready = {}, delayed = {}, leased = {}, dead = {}, expiring = {}, settings = {}, workers = {}, rate = {} }
local function queue_key(kind, queue)
  local keys = queue_keys[kind]
  local key = keys[queue]
  if not key then
    key = prefix .. 'queue:' .. kind .. ':' .. queue
    keys[queue] = key
  end
  return key
end
local function task_key(id) return prefix .. 'task:' .. id end
local function payload_key(id) return prefix .. 'payload:' .. id end
local function result_key(id) return prefix .. 'result:' .. id end
local function failures_key(id) return prefix .. 'failures:' .. id end
local function progress_key(id) return prefix .. 'progress:' .. id end

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
  if task.workflow then feed('type', event, 'id', task.id, 'queue', task.queue, 'workflow', task.workflow)
  else feed('type', event, 'id', task.id, 'queue', task.queue) end
  hint('task ' .. task.id)
  if task.status == 'ready' or task.status == 'delayed' then hint('queue ' .. task.queue) end
end
