--[[
  Creation of tasks, and cancellation with their workflow.
]]
local function cancel_all_of(id)
  for _, task_id in ipairs(redis.call('ZRANGEBYSCORE', workflow_names.tasks_key(id), '-inf', '(0')) do
    local task = task_store.load(task_id)
    if task and tasks.is_open(task) then end_task.cancel(task, 'WORKFLOW_CANCELLED') end
  end
end

-- Names and types of the keys of a task.
local PARTS = { task = 'string', payload = 'string', result = 'string', failures = 'list', progress = 'stream' }

-- Takes the task out of the set of its workflow.
local function leave_workflow(task)
  if not task.workflow then return end
  redis.call('ZREM', workflow_names.tasks_key(task.workflow), task.id)
  workflow_store.count_open_tasks(task.workflow)
end

local function remove_task(id)
  local task = task_store.stored(id)
  if task then
    leave_workflow(task)
    queue_settings.count(task, task.status, nil)
  end
  task_store.forget(id)
  local keys = {}
  for part, type in pairs(PARTS) do
    if own_keys.fits(type, task_keys[part](id)) then keys[#keys + 1] = task_keys[part](id) end
  end
  if #keys > 0 then redis.call('UNLINK', unpack(keys)) end
end

-- Check the types of the keys that a change of the task writes.
local function expect_changeable(task)
  task_keys.expect_queue(task.queue)
  own_keys.expect('string', task_keys.payload(task.id))
  own_keys.expect('string', task_keys.result(task.id))
  if task.has_failed then own_keys.expect('list', task_keys.failures(task.id)) end
  if task.progress > 0 then own_keys.expect('stream', task_keys.progress(task.id)) end
  if task.workflow then removal.expect_life(task.workflow) end
end

local function expect_cancellable(workflow)
  local ids = redis.call('ZRANGEBYSCORE', workflow_names.tasks_key(workflow), '-inf', '(0')
  task_store.read(ids)
  for _, id in ipairs(ids) do
    local task = task_store.load(id)
    if task then expect_changeable(task) end
  end
end

-- The same for a new task. A value that is no task must not be replaced by one.
local function expect_creatable(id, task)
  task_keys.expect_queue(task.queue)
  if task.workflow then removal.expect_life(task.workflow) end
  local stored = task_store.stored(id)
  if redis.call('EXISTS', task_keys.task(id), task_keys.payload(id), task_keys.result(id), task_keys.failures(id), task_keys.progress(id)) == 0 then return end
  for part, type in pairs(PARTS) do own_keys.expect(type, task_keys[part](id)) end
  if not stored and redis.call('EXISTS', task_keys.task(id)) == 1 then own_keys.taken(task_keys.task(id)) end
end

-- The task with the same id or dedupe key.
local function existing_task(spec)
  local task = task_store.load(spec.id)
  if task or not spec.dedupe then return task end
  local key = prefix .. key_names.dedupe .. spec.dedupe.key
  local text = redis.call('GET', key)
  local ends, id = string.match(text or '', '^(%d+) (.+)$')
  if text and not id then own_keys.taken(key, 'string') end
  return id and tonumber(ends) > now and task_store.load(id) or nil
end

-- Open tasks of a queue and their bytes, without the task `finished`. Without tasks there are no bytes, whatever the sum says.
local function load_of(queue, finished)
  finish_call.flush_leased(queue)
  local load = { tasks = redis.call('ZCARD', task_heads.ready_key(queue)) + redis.call('ZCARD', task_keys.queue('delayed', queue)) +
    redis.call('ZCARD', task_keys.queue('leased', queue)), bytes = queue_settings.bytes_of(queue, 'bytes') }
  if finished and finished.queue == queue then load.tasks, load.bytes = load.tasks - 1, load.bytes - (finished.bytes or 0) end
  if load.tasks < 1 then load.bytes = 0 end
  return load
end

-- The index of the first new task beyond a limit of its queue, and that limit and its unit; nil if there is capacity for all. `finished` ends in the same
-- commit. An empty queue takes a task of any size.
local function first_over_limit(specs, finished)
  local loads, seen = {}, {}
  for i, spec in ipairs(specs) do
    local name = 'id ' .. spec.id
    local key = spec.dedupe and 'key ' .. spec.dedupe.key or name
    local is_new = not seen[name] and not seen[key]
    seen[name], seen[key] = true, true
    if is_new and not existing_task(spec) then
      local queue = spec.task.queue
      local load = loads[queue] or load_of(queue, finished)
      loads[queue] = load
      load.tasks, load.bytes = load.tasks + 1, load.bytes + spec.bytes
      if load.tasks > call.limits.maxOpen then return i, call.limits.maxOpen, 'tasks' end
      if load.tasks > 1 and load.bytes > call.limits.maxBytes then return i, call.limits.maxBytes, 'bytes' end
    end
  end
  return nil
end

--[[
  `spec`: {id, bytes of headers and payload, delayMs or atMs, expiresAtMs or expiresAfterMs, dedupe {key, keepMs}?, task {fields that the client gives, by their names in the scripts}}
  Returns {'1' for a duplicate or '0', fields of the task}.
]]
local function create_task(spec, payload)
  local existing = existing_task(spec)
  if existing then return { '1', task_fields.shown(existing) } end
  local task, due = spec.task, spec.atMs or now + spec.delayMs
  local queue, is_delayed = task.queue, due > now
  task.id, task.bytes = spec.id, spec.bytes
  task_fields.begin(task)
  task_store.save_payload(task.id, payload)
  -- Removes the remains of an ended task with this id, which may still be in the dead list.
  local before = task_store.stored(task.id)
  if before then
    redis.call('ZREM', task_keys.queue('dead', before.queue), task.id)
    queue_settings.count(before, before.status, nil)
    leave_workflow(before)
  end
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

return { cancel_all_of = cancel_all_of, remove = remove_task, first_over_limit = first_over_limit,
  expect_changeable = expect_changeable, expect_cancellable = expect_cancellable, expect_creatable = expect_creatable, create = create_task }
