--[[
  Common to the scripts that know tasks: how tasks come, and go with their workflow; behind task-steps.lua.
]]
local function open_tasks_of(id) return redis.call('ZCOUNT', workflow_tasks_key(id), '-inf', '(0') end

local function cancel_all_of(id)
  for _, task_id in ipairs(redis.call('ZRANGEBYSCORE', workflow_tasks_key(id), '-inf', '(0')) do
    local task = load_task(task_id)
    if task and is_open(task) then cancel_task(task, 'WORKFLOW_CANCELLED') end
  end
end

local function remove_task(id)
  local task = stored_task(id)
  if task and task.workflow then redis.call('ZREM', workflow_tasks_key(task.workflow), id) end
  forget_task(id)
  redis.call('UNLINK', task_key(id), payload_key(id), result_key(id), failures_key(id), progress_key(id))
end

-- The task that a new one would be a duplicate of.
local function existing_task(spec)
  local task = load_task(spec.id)
  if task or not spec.dedupe then return task end
  local ends, id = string.match(redis.call('GET', prefix .. 'dedupe:' .. spec.dedupe.key) or '', '^(%d+) (.+)$')
  return id and tonumber(ends) > now and load_task(id) or nil
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
      settle_leased(queue)
      local open = redis.call('ZCARD', ready_key(queue)) + redis.call('ZCARD', queue_key('delayed', queue)) +
        redis.call('ZCARD', queue_key('leased', queue))
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
  if existing then return { '1', fields_of(existing) } end
  local due = spec.atMs or now + spec.delayMs
  local is_delayed = due > now
  save_payload(spec.id, payload)
  -- What an ended life of the id left behind; a dead one may still stand in its list.
  local before = stored_task(spec.id)
  if before then redis.call('ZREM', queue_key('dead', before.queue), spec.id) end
  if before and before.workflow then redis.call('ZREM', workflow_tasks_key(before.workflow), spec.id) end
  redis.call('UNLINK', result_key(spec.id), failures_key(spec.id), progress_key(spec.id))
  local task = { id = spec.id, queue = spec.queue, priority = spec.priority, place = 0, attempt = 0, releases = 0, replays = 0 }
  if not is_known(spec.queue) then
    redis.call('ZADD', prefix .. 'queues', 0, spec.queue)
    known_queues[spec.queue] = true
  end
  tally(spec.queue, 'enqueued')
  change_task(task, {
    queue = spec.queue, status = is_delayed and 'delayed' or 'ready', priority = spec.priority, max_attempts = spec.maxAttempts,
    workflow = spec.workflow, created = now, ready = not is_delayed and now or nil, due = is_delayed and due or nil,
    expires = spec.expiresAtMs or math.max(now, due) + spec.expiresAfterMs, is_timed = spec.expiresAtMs and true, backoff = spec.backoff,
    lease = spec.leaseMs, limit = spec.limitMs, place = is_delayed and 0 or next_place(task),
    deduped_until = spec.dedupe and now + spec.dedupe.keepMs or nil, dedupe = spec.dedupe and spec.dedupe.key or nil,
  }, 'task.enqueued')
  if spec.dedupe then
    local ends = whole(now + spec.dedupe.keepMs)
    redis.call('SET', prefix .. 'dedupe:' .. spec.dedupe.key, ends .. ' ' .. spec.id, 'PXAT', ends)
  end
  return { '0', fields_of(task) }
end
