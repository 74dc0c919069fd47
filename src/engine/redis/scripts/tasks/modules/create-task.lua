--[[
  Creation of tasks, and cancellation with their workflow.
]]
local function open_tasks_of(id) return redis.call('ZCOUNT', workflows.tasks_key(id), '-inf', '(0') end

local function cancel_all_of(id)
  for _, task_id in ipairs(redis.call('ZRANGEBYSCORE', workflows.tasks_key(id), '-inf', '(0')) do
    local task = task_store.load(task_id)
    if task and tasks.is_open(task) then end_task.cancel(task, 'WORKFLOW_CANCELLED') end
  end
end

local function remove_task(id)
  local task = task_store.stored(id)
  if task and task.workflow then redis.call('ZREM', workflows.tasks_key(task.workflow), id) end
  task_store.forget(id)
  redis.call('UNLINK', task_keys.task(id), task_keys.payload(id), task_keys.result(id), task_keys.failures(id), task_keys.progress(id))
end

-- The task with the same id or dedupe key.
local function existing_task(spec)
  local task = task_store.load(spec.id)
  if task or not spec.dedupe then return task end
  local ends, id = string.match(redis.call('GET', prefix .. key_names.dedupe .. spec.dedupe.key) or '', '^(%d+) (.+)$')
  return id and tonumber(ends) > now and task_store.load(id) or nil
end

-- The index of the first new task beyond the limit of its queue; nil if there is capacity for all. `finished` ends in the same commit.
local function first_over_limit(specs, finished)
  local added, seen = {}, {}
  for i, spec in ipairs(specs) do
    local name = 'id ' .. spec.id
    local key = spec.dedupe and 'key ' .. spec.dedupe.key or name
    local is_new = not seen[name] and not seen[key]
    seen[name], seen[key] = true, true
    if is_new and not existing_task(spec) then
      local queue = spec.task.queue
      added[queue] = (added[queue] or 0) + 1
      finish_call.flush_leased(queue)
      local open = redis.call('ZCARD', task_heads.ready_key(queue)) + redis.call('ZCARD', task_keys.queue('delayed', queue)) +
        redis.call('ZCARD', task_keys.queue('leased', queue))
      if finished and finished.queue == queue then open = open - 1 end
      if open + added[queue] > call.limits.maxOpen then return i end
    end
  end
  return nil
end

--[[
  `spec`: {id, delayMs or atMs, expiresAtMs or expiresAfterMs, dedupe {key, keepMs}?, task {fields that the client gives, by their names in the scripts}}
  Returns {'1' for a duplicate or '0', fields of the task}.
]]
local function create_task(spec, payload)
  local existing = existing_task(spec)
  if existing then return { '1', task_fields.shown(existing) } end
  local task, due = spec.task, spec.atMs or now + spec.delayMs
  local queue, is_delayed = task.queue, due > now
  task.id = spec.id
  task_fields.begin(task)
  task_store.save_payload(task.id, payload)
  -- Removes the remains of an ended task with this id, which may still be in the dead list.
  local before = task_store.stored(task.id)
  if before then redis.call('ZREM', task_keys.queue('dead', before.queue), task.id) end
  if before and before.workflow then redis.call('ZREM', workflows.tasks_key(before.workflow), task.id) end
  redis.call('UNLINK', task_keys.result(task.id), task_keys.failures(task.id), task_keys.progress(task.id))
  if not claim_tasks.is_known(queue) then
    redis.call('ZADD', prefix .. key_names.queues, 0, queue)
    claim_tasks.known_queues[queue] = true
  end
  finish_call.tally(queue, 'enqueued')
  task.status, task.created = is_delayed and 'delayed' or 'ready', now
  if is_delayed then task.due = due else task.ready, task.place = now, task_places.next(task) end
  task.expires, task.is_timed = spec.expiresAtMs or math.max(now, due) + spec.expiresAfterMs, spec.expiresAtMs and true
  if spec.dedupe then task.deduped_until, task.dedupe = now + spec.dedupe.keepMs, spec.dedupe.key end
  task_places.changed(task, nil, 'task.enqueued')
  if spec.dedupe then
    local ends = whole(now + spec.dedupe.keepMs)
    redis.call('SET', prefix .. key_names.dedupe .. spec.dedupe.key, ends .. ' ' .. spec.id, 'PXAT', ends)
  end
  return { '0', task_fields.shown(task) }
end

return { open_tasks_of = open_tasks_of, cancel_all_of = cancel_all_of, remove = remove_task, first_over_limit = first_over_limit, create = create_task }
