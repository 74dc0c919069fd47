--[[
  task-places: the sets of a task, and the deadline of its workflow.
]]
local function next_place(task)
  return task.priority * limits.PLACES_PER_PRIORITY + redis.call('HINCRBY', task_keys.queue('settings', task.queue), 'sequence', 1)
end

local function update_hold(id)
  local record = workflow_store.load(id)
  if not record or record.kind ~= 'ours' then return end
  local deadline = workflow_store.held_deadline(id, record.deadline, record.ttl)
  if deadline == record.deadline then return end
  record.deadline = deadline
  workflow_store.save(id, record)
  feeding.hint('workflow ' .. id)
end

local function set_key(kind, queue) return kind == 'ready' and task_heads.ready_key(queue) or task_keys.queue(kind, queue) end

-- By status: the field of a task that is its score in the set of that status.
local SCORES = { ready = 'place', delayed = 'due', leased = 'lease_ends', dead = 'ended' }

-- Queues that have no due tasks and no expired leases. The time is the same throughout a call, so a queue stays so, unless a change makes a task due
-- at once; that removes the queue here.
local tidy_queues = {}

-- Time from which on a sweep has something to do for the task; nil for a task in no set.
local function due_of(task)
  if task.status == 'ready' then return task.expires end
  if task.status == 'delayed' then return task.is_timed and math.min(task.due, task.expires) or task.due end
  if task.status == 'leased' then return task.lease_ends end
  return task.status == 'dead' and now or nil
end

-- Puts a task into the sets of its status. A waiting task with its own expiry is also in the set `expiring`; for the others end_overdue_heads is
-- enough. `is_out`: the task was already removed from its old set.
local function place_in_sets(task, old_status, is_out)
  local score, due = SCORES[task.status], due_of(task)
  -- First: a task in a set of a queue that is never swept would stay there.
  if due then queue_times.sweep_by(task.queue, due) end
  if (task.status == 'delayed' and task.due <= now) or (task.status == 'leased' and task.lease_ends <= now) then tidy_queues[task.queue] = nil end
  if task.status == 'leased' then finish_call.note_leased(task.queue, task.id, task.lease_ends)
  elseif score then redis.call('ZADD', set_key(task.status, task.queue), whole(task[score]), task.id) end
  if task.is_timed then
    if task.status == 'ready' or task.status == 'delayed' then
      redis.call('ZADD', task_keys.queue('expiring', task.queue), whole(task.expires), task.id)
    elseif old_status == 'ready' or old_status == 'delayed' then
      redis.call('ZREM', task_keys.queue('expiring', task.queue), task.id)
    end
  end
  if not old_status or old_status == task.status or not SCORES[old_status] or is_out then return end
  if old_status == 'leased' then finish_call.note_leased(task.queue, task.id, false)
  else redis.call('ZREM', set_key(old_status, task.queue), task.id) end
end

-- The task of a workflow has become open, or has ended.
local function hold_workflow(task)
  local id = task.workflow
  if not id then return end
  local is_open = tasks.is_open(task)
  finish_call.note_tasks_of(id)
  workflow_store.count_open_tasks(id, is_open and 1 or -1)
  redis.call('ZADD', workflow_names.tasks_key(id), is_open and whole(-task.created) or whole(task.ended), task.id)
  update_hold(id)
end

-- Saves a task whose status or place has changed, and updates sets, hold and feed.
local function task_changed(task, old_status, event, is_out)
  -- A task that is saved but in no set of its status would be lost.
  place_in_sets(task, old_status, is_out)
  queue_settings.count(task, old_status, task.status)
  task_store.save(task)
  if tasks.OPEN[old_status] ~= tasks.OPEN[task.status] then hold_workflow(task) end
  if event then tasks.announce(event, task) end
  return task
end

-- Sets the fields in `changes`; false removes a field.
local function change_task(task, changes, event, is_out)
  local old_status = task.status
  for name, value in pairs(changes) do task[name] = value or nil end
  return task_changed(task, old_status, event, is_out)
end

local function with(changes, more)
  for name, value in pairs(more) do changes[name] = value end
  return changes
end

return { tidy_queues = tidy_queues, next = next_place, update_hold = update_hold, set_key = set_key, put = place_in_sets, changed = task_changed,
  change = change_task, with = with }
