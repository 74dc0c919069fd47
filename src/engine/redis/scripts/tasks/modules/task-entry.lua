--[[
  How tasks come, and go with their workflow.
]]
local function open_tasks_of(id) return redis.call('ZCOUNT', workflows.tasks_key(id), '-inf', '(0') end

local function cancel_all_of(id)
  for _, task_id in ipairs(redis.call('ZRANGEBYSCORE', workflows.tasks_key(id), '-inf', '(0')) do
    local task = task_store.load(task_id)
    if task and tasks.is_open(task) then task_ends.cancel(task, 'WORKFLOW_CANCELLED') end
  end
end

local function remove_task(id)
  local task = task_store.stored(id)
  if task and task.workflow then redis.call('ZREM', workflows.tasks_key(task.workflow), id) end
  task_store.forget(id)
  redis.call('UNLINK', task_keys.task(id), task_keys.payload(id), task_keys.result(id), task_keys.failures(id), task_keys.progress(id))
end

-- The task that a new one would be a duplicate of.
local function existing_task(spec)
  local task = task_store.load(spec.id)
  if task or not spec.dedupe then return task end
  local ends, id = string.match(redis.call('GET', prefix .. key_names.dedupe .. spec.dedupe.key) or '', '^(%d+) (.+)$')
  return id and tonumber(ends) > now and task_store.load(id) or nil
end

-- The place of the first new task that finds its queue full; nil when there is room for all. `finished` leaves its room to them.
local function without_room(specs, finished)
  local added, seen = {}, {}
  for i, spec in ipairs(specs) do
    local name = 'id ' .. spec.id
    local key = spec.dedupe and 'key ' .. spec.dedupe.key or name
    local is_new = not seen[name] and not seen[key]
    seen[name], seen[key] = true, true
    if is_new and not existing_task(spec) then
      local queue = spec.queue
      added[queue] = (added[queue] or 0) + 1
      call_end.settle_leased(queue)
      local open = redis.call('ZCARD', task_heads.ready_key(queue)) + redis.call('ZCARD', task_keys.queue('delayed', queue)) +
        redis.call('ZCARD', task_keys.queue('leased', queue))
      local room = call.limits.mostOpen + (finished and finished.queue == queue and 1 or 0)
      if open + added[queue] > room then return i end
    end
  end
  return nil
end

--[[
  {id, queue, priority, delayMs or atMs, expiresAtMs or expiresAfterMs, maxAttempts, backoff, leaseMs, limitMs?, dedupe {key, keepMs}?, workflow?}
  Returns the fields of the task, behind '1' when it was there before and '0' when it is new.
]]
local function create_task(spec, payload)
  local existing = existing_task(spec)
  if existing then return { '1', tasks.fields_of(existing) } end
  local due = spec.atMs or now + spec.delayMs
  local is_delayed = due > now
  task_store.save_payload(spec.id, payload)
  -- What an ended life of the id left behind; a dead one may still stand in its list.
  local before = task_store.stored(spec.id)
  if before then redis.call('ZREM', task_keys.queue('dead', before.queue), spec.id) end
  if before and before.workflow then redis.call('ZREM', workflows.tasks_key(before.workflow), spec.id) end
  redis.call('UNLINK', task_keys.result(spec.id), task_keys.failures(spec.id), task_keys.progress(spec.id))
  local task = { id = spec.id, queue = spec.queue, priority = spec.priority, place = 0, attempt = 0, releases = 0, replays = 0 }
  if not task_claims.is_known(spec.queue) then
    redis.call('ZADD', prefix .. key_names.queues, 0, spec.queue)
    task_claims.known_queues[spec.queue] = true
  end
  call_end.tally(spec.queue, 'enqueued')
  task_places.change(task, {
    queue = spec.queue, status = is_delayed and 'delayed' or 'ready', priority = spec.priority, max_attempts = spec.maxAttempts,
    workflow = spec.workflow, created = now, ready = not is_delayed and now or nil, due = is_delayed and due or nil,
    expires = spec.expiresAtMs or math.max(now, due) + spec.expiresAfterMs, is_timed = spec.expiresAtMs and true, backoff = spec.backoff,
    lease = spec.leaseMs, limit = spec.limitMs, place = is_delayed and 0 or task_places.next(task),
    deduped_until = spec.dedupe and now + spec.dedupe.keepMs or nil, dedupe = spec.dedupe and spec.dedupe.key or nil,
  }, 'task.enqueued')
  if spec.dedupe then
    local ends = whole(now + spec.dedupe.keepMs)
    redis.call('SET', prefix .. key_names.dedupe .. spec.dedupe.key, ends .. ' ' .. spec.id, 'PXAT', ends)
  end
  return { '0', tasks.fields_of(task) }
end

return { open_tasks_of = open_tasks_of, cancel_all_of = cancel_all_of, remove = remove_task, without_room = without_room, create = create_task }
