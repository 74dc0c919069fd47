--[[
  Common to the scripts that know tasks; behind writing.lua and once.lua. What becomes of a task is the same, step for step, in
  src/engine/memory/tasks/task-work.ts.
  plan.limits  {mostOpen, resultMs, progressMs, deadMs, mostDead}
  A task goes out as a list of names and values (all text), see fields_of; a claimed one as {fields, headers and payload}.
]]
local PLACES_PER_PRIORITY = 2 ^ 44
local TIDIED_AT_ONCE = 100
local MOST_RELEASES = 20
local FAILURES_KEPT = 10
local PROGRESS_KEPT = 1000
local MOST_CANCELLED = 1000
local WORKER_SEEN_MS = 600000
local WORKER_NOTED_MS = 5000
-- No ended task is kept longer for its dedupe key.
local LONGEST_DEDUPE_MS = 86400000

local function queue_key(kind, queue) return prefix .. 'queue:' .. kind .. ':' .. queue end
local function task_key(id) return prefix .. 'task:' .. id end
local function payload_key(id) return prefix .. 'payload:' .. id end
local function result_key(id) return prefix .. 'result:' .. id end
local function failures_key(id) return prefix .. 'failures:' .. id end
local function progress_key(id) return prefix .. 'progress:' .. id end

local NUMBERS = { 'priority', 'attempt', 'max_attempts', 'releases', 'replays', 'created', 'ready', 'due', 'expires', 'lease_ends', 'ended',
  'lease', 'limit', 'place', 'started', 'progress', 'kept_until', 'deduped_until', 'held_lease' }

-- Nil when there is no such task, or it has ended and is not kept any longer.
local function load_task(id)
  local flat = redis.call('HGETALL', task_key(id))
  if #flat == 0 then return nil end
  local task = { id = id }
  for i = 1, #flat, 2 do task[flat[i]] = flat[i + 1] end
  for _, name in ipairs(NUMBERS) do task[name] = tonumber(task[name]) end
  if task.kept_until and task.kept_until <= now then return nil end
  return task
end

local function is_open(task) return task.status == 'ready' or task.status == 'delayed' or task.status == 'leased' end

local function text_of(value) return type(value) == 'number' and whole(value) or tostring(value) end

local OUTSIDE = { 'id', 'queue', 'status', 'priority', 'attempt', 'max_attempts', 'releases', 'replays', 'workflow', 'created', 'ready', 'due', 'expires',
  'lease_ends', 'worker', 'cancel', 'reason', 'ended', 'token' }

local function fields_of(task)
  local fields = {}
  for _, name in ipairs(OUTSIDE) do
    if task[name] ~= nil then
      fields[#fields + 1] = name
      fields[#fields + 1] = text_of(task[name])
    end
  end
  return fields
end

local function feed(...)
  return redis.call('XADD', prefix .. 'events', 'MAXLEN', '~', events_kept, '*', ...)
end

local function announce_task(event, task)
  if task.workflow then feed('type', event, 'id', task.id, 'queue', task.queue, 'workflow', task.workflow)
  else feed('type', event, 'id', task.id, 'queue', task.queue) end
  redis.call('PUBLISH', prefix .. 'changes', 'task ' .. task.id)
  if task.status == 'ready' or task.status == 'delayed' then redis.call('PUBLISH', prefix .. 'changes', 'queue ' .. task.queue) end
end

local MINUTE_MS = 60000
local function rate_key(queue, total, minute) return queue_key('rate', queue) .. ':' .. total .. ':' .. whole(minute) end

-- Of all time, and of this minute for those that have a rate.
local RATES = { enqueued = true, completed = true }
local function tally(queue, total)
  redis.call('HINCRBY', queue_key('settings', queue), 'total:' .. total, 1)
  if RATES[total] then
    local key = rate_key(queue, total, math.floor(now / MINUTE_MS))
    redis.call('INCR', key)
    redis.call('PEXPIREAT', key, whole(now + 3 * MINUTE_MS))
  end
end

local function next_place(task)
  return task.priority * PLACES_PER_PRIORITY + redis.call('HINCRBY', queue_key('settings', task.queue), 'sequence', 1)
end

-- A server without memory lets a script go on that has begun to write with something that takes none.
local function need_no_memory() redis.call('UNLINK', prefix .. 'nothing') end

local function settle_hold(id)
  local record = load(id)
  if not record or record.kind ~= 'ours' then return end
  local deadline = held_deadline(id, record.deadline, record.ttl)
  if deadline == record.deadline then return end
  redis.call('HSET', meta_key(id), 'deadline', deadline_text(deadline))
  set_deadline(id, deadline, true)
  index_deadline(id, deadline)
  redis.call('PUBLISH', prefix .. 'changes', 'workflow ' .. id)
end

-- In which set a task stands, and where.
local SCORES = { ready = 'place', delayed = 'due', leased = 'lease_ends', dead = 'ended' }

local function place_in_sets(task, old_status)
  local score = SCORES[task.status]
  if score then redis.call('ZADD', queue_key(task.status, task.queue), whole(task[score]), task.id) end
  if task.status == 'ready' or task.status == 'delayed' then
    redis.call('ZADD', queue_key('expiring', task.queue), whole(task.expires), task.id)
  elseif old_status == 'ready' or old_status == 'delayed' then
    redis.call('ZREM', queue_key('expiring', task.queue), task.id)
  end
  if old_status and old_status ~= task.status and SCORES[old_status] then
    redis.call('ZREM', queue_key(old_status, task.queue), task.id)
  end
end

local function hold_workflow(task)
  if not task.workflow then return end
  local key = workflow_tasks_key(task.workflow)
  redis.call('ZADD', key, is_open(task) and whole(-task.created) or whole(task.ended), task.id)
  if is_held(task.workflow) then
    redis.call('PERSIST', key)
  else
    local kept = math.max(plan.limits.resultMs, plan.limits.deadMs, LONGEST_DEDUPE_MS)
    redis.call('ZREMRANGEBYSCORE', key, '(0', '(' .. whole(now - kept))
    redis.call('PEXPIREAT', key, whole(now + kept))
  end
  settle_hold(task.workflow)
end

-- Writes what `changes` say (false takes a field away) and puts the task where it belongs then.
local function change_task(task, changes, event)
  local old_status, was_open = task.status, is_open(task)
  local set, clear = {}, {}
  for name, value in pairs(changes) do
    if value == false then
      task[name] = nil
      clear[#clear + 1] = name
    else
      task[name] = value
      set[#set + 1] = name
      set[#set + 1] = text_of(value)
    end
  end
  redis.call('HSET', task_key(task.id), unpack(set))
  if #clear > 0 then redis.call('HDEL', task_key(task.id), unpack(clear)) end
  place_in_sets(task, old_status)
  if was_open ~= is_open(task) then hold_workflow(task) end
  if event then announce_task(event, task) end
  return task
end

local function with(changes, more)
  for name, value in pairs(more) do changes[name] = value end
  return changes
end

-- What every task looks like that nobody has in hand.
local function at_rest(more)
  return with({ token = false, lease_ends = false, held_lease = false, started = false, due = false, ready = false }, more)
end

-- The task, if the token is that of its current delivery; else nil and why not.
local function leased_task(id, token)
  local task = load_task(id)
  if not task then return nil, 'unknown' end
  if task.status == 'cancelled' then return nil, 'cancelled' end
  if task.token ~= token then return nil, 'lost' end
  return task
end

-- A task is known for as long as its dedupe key is: whoever enqueues it again gets it shown.
local function end_of_keeping(task, ms) return math.max(now + ms, task.deduped_until or 0) end

local function keep_until_forgotten(task)
  for _, key in ipairs({ task_key(task.id), result_key(task.id), failures_key(task.id) }) do redis.call('PEXPIREAT', key, whole(task.kept_until)) end
end

local function end_progress(task) redis.call('PEXPIREAT', progress_key(task.id), whole(now + plan.limits.progressMs)) end

local function finish(task, result)
  redis.call('UNLINK', payload_key(task.id))
  tally(task.queue, 'completed')
  redis.call('SET', result_key(task.id), result)
  change_task(task, at_rest({ status = 'done', ended = now, kept_until = end_of_keeping(task, plan.limits.resultMs) }), 'task.done')
  keep_until_forgotten(task)
  end_progress(task)
end

local function cancel_task(task, reason)
  redis.call('UNLINK', payload_key(task.id))
  tally(task.queue, 'cancelled')
  change_task(task, at_rest({ status = 'cancelled', cancel = '1', reason = reason or false, ended = now,
    kept_until = end_of_keeping(task, plan.limits.resultMs) }),
    'task.cancelled')
  keep_until_forgotten(task)
  end_progress(task)
  return task
end

local function die(task, reason)
  tally(task.queue, 'died')
  change_task(task, at_rest({ status = 'dead', reason = reason, ended = now, kept_until = now + plan.limits.deadMs }), 'task.dead')
  end_progress(task)
  return task
end

-- Joins the tail: a retry or a task that was planned for later does not jump the queue.
local function make_ready(task, more, event)
  change_task(task, with({ status = 'ready', due = false, ready = now, place = next_place(task) }, more or {}), event or 'task.ready')
end

-- The delivery is spent. Its token stays good until somebody else claims the task.
local function expire_lease(task)
  if task.cancel then cancel_task(task, task.reason)
  elseif task.attempt >= task.max_attempts then die(task, 'LEASE_EXPIRED')
  else change_task(task, { status = 'ready', lease_ends = false, ready = now }, 'task.lease-expired') end
end

local function due_in(kind, queue, most, upto)
  return redis.call('ZRANGEBYSCORE', queue_key(kind, queue), '-inf', whole(upto), 'LIMIT', 0, most)
end

-- A member of a set; when its task is gone (deleted behind our back), so is the member.
local function member(kind, queue, id)
  local task = load_task(id)
  if not task then redis.call('ZREM', queue_key(kind, queue), id) end
  return task
end

local function each_due(kind, queue, most, upto, act)
  local ids = due_in(kind, queue, most, upto)
  for _, id in ipairs(ids) do
    local task = member(kind, queue, id)
    if task then act(task) end
  end
  return #ids
end

local function tidy(queue)
  each_due('delayed', queue, TIDIED_AT_ONCE, now, function(task) make_ready(task) end)
  each_due('leased', queue, TIDIED_AT_ONCE, now, expire_lease)
end

local function lease_end(started, lease, limit)
  if limit then return math.min(now + lease, started + limit) end
  return now + lease
end

local function claimed_of(task) return { fields_of(task), redis.call('GET', payload_key(task.id)) or '2\n{}null' } end

-- Which task got which token.
local function lent_of(claimed)
  local lent = {}
  for i, one in ipairs(claimed) do
    local names = {}
    for j = 1, #one[1], 2 do names[one[1][j]] = one[1][j + 1] end
    lent[i] = { names.id, names.token }
  end
  return lent
end

-- Those of them that still have that token.
local function again(lent)
  local claimed = {}
  for _, pair in ipairs(lent) do
    local task = load_task(pair[1])
    if task and task.status == 'leased' and task.token == pair[2] then claimed[#claimed + 1] = claimed_of(task) end
  end
  return claimed
end

-- {queue, worker, leaseMs?, tokens}
local function claim(request)
  local queue = request.queue
  local settings = queue_key('settings', queue)
  if redis.call('EXISTS', settings) == 0 then return {} end
  local seen = tonumber(redis.call('ZSCORE', queue_key('workers', queue), request.worker) or 0)
  if seen < now - WORKER_NOTED_MS then
    redis.call('ZADD', queue_key('workers', queue), whole(now), request.worker)
    redis.call('ZREMRANGEBYSCORE', queue_key('workers', queue), '-inf', whole(now - WORKER_SEEN_MS))
  end
  tidy(queue)
  if redis.call('HGET', settings, 'paused') == '1' then return {} end
  local claimed, looked = {}, 0
  while #claimed < #request.tokens and looked < #request.tokens + TIDIED_AT_ONCE do
    looked = looked + 1
    local id = redis.call('ZRANGE', queue_key('ready', queue), 0, 0)[1]
    if not id then break end
    local task = member('ready', queue, id)
    if task and task.expires <= now then
      die(task, 'EXPIRED')
    elseif task then
      tally(queue, 'claimed')
      local lease = request.leaseMs or task.lease
      change_task(task, { status = 'leased', attempt = task.attempt + 1, worker = request.worker, token = request.tokens[#claimed + 1], started = now,
        ready = false, held_lease = lease, lease_ends = lease_end(now, lease, task.limit) }, 'task.claimed')
      claimed[#claimed + 1] = claimed_of(task)
    end
  end
  return claimed
end

-- How long until something may become ready by itself; '' when nothing will.
local function next_due_in(queue)
  if redis.call('HGET', queue_key('settings', queue), 'paused') == '1' then return '' end
  if redis.call('ZCARD', queue_key('ready', queue)) > 0 then return '0' end
  local next
  for _, kind in ipairs({ 'delayed', 'leased' }) do
    local score = tonumber(redis.call('ZRANGE', queue_key(kind, queue), 0, 0, 'WITHSCORES')[2])
    if score and (not next or score < next) then next = score end
  end
  return next and whole(math.max(0, next - now)) or ''
end

-- Also takes the task back from the ready ones, if its lease had run out unnoticed. For as long as it was leased last, unless said otherwise.
local function extend(task, lease, more)
  local length = lease or task.held_lease or task.lease
  local ends = lease_end(task.started or now, length, task.limit)
  change_task(task, with({ status = 'leased', ready = false, held_lease = length, lease_ends = ends }, more or {}))
  redis.call('PUBLISH', prefix .. 'changes', 'task ' .. task.id)
  return task
end

local function release(task)
  if task.cancel then return cancel_task(task, task.reason) end
  local is_spent = task.releases >= MOST_RELEASES
  if is_spent and task.attempt >= task.max_attempts then return die(task, 'RELEASED_TOO_OFTEN') end
  return change_task(task, at_rest({ status = 'ready', attempt = is_spent and task.attempt or task.attempt - 1, releases = task.releases + 1, ready = now }),
    'task.released')
end

-- `failure` is JSON made by the service, but for the attempt and the time in front of it.
local function fail(task, code, is_retryable, retry_after, jitter, failure)
  redis.call('RPUSH', failures_key(task.id), whole(task.attempt) .. ' ' .. whole(now) .. ' ' .. failure)
  redis.call('LTRIM', failures_key(task.id), -FAILURES_KEPT, -1)
  if task.cancel then return cancel_task(task, task.reason) end
  if not is_retryable or task.attempt >= task.max_attempts then return die(task, code) end
  local delay = retry_after
  if not delay then
    local steps = {}
    for step in string.gmatch(task.backoff, '%d+') do steps[#steps + 1] = tonumber(step) end
    delay = math.floor((steps[math.min(task.attempt, #steps)] or 0) * jitter)
  end
  tally(task.queue, 'retried')
  return change_task(task, at_rest({ status = 'delayed', due = now + delay }), 'task.delayed')
end

local function add_progress(task, event)
  local number = (task.progress or 0) + 1
  redis.call('XADD', progress_key(task.id), 'MAXLEN', PROGRESS_KEPT, whole(number) .. '-0', 'at', whole(now), 'event', event)
  extend(task, nil, { progress = number })
  return whole(number)
end

local function open_tasks_of(id) return redis.call('ZCOUNT', workflow_tasks_key(id), '-inf', '(0') end

local function cancel_all_of(id)
  for _, task_id in ipairs(redis.call('ZRANGEBYSCORE', workflow_tasks_key(id), '-inf', '(0')) do
    local task = load_task(task_id)
    if task and is_open(task) then cancel_task(task, 'WORKFLOW_CANCELLED') end
  end
end

local function remove_task(id)
  local workflow = redis.call('HGET', task_key(id), 'workflow')
  if workflow then redis.call('ZREM', workflow_tasks_key(workflow), id) end
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
      local open = redis.call('ZCARD', queue_key('ready', queue)) + redis.call('ZCARD', queue_key('delayed', queue)) +
        redis.call('ZCARD', queue_key('leased', queue))
      local room = plan.limits.mostOpen + (finished and finished.queue == queue and 1 or 0)
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
  redis.call('SET', payload_key(spec.id), payload)
  -- What an ended life of the id left behind; a dead one may still stand in its list.
  local before = redis.call('HMGET', task_key(spec.id), 'queue', 'workflow')
  if before[1] then redis.call('ZREM', queue_key('dead', before[1]), spec.id) end
  if before[2] then redis.call('ZREM', workflow_tasks_key(before[2]), spec.id) end
  redis.call('UNLINK', task_key(spec.id), result_key(spec.id), failures_key(spec.id), progress_key(spec.id))
  local task = { id = spec.id, queue = spec.queue, priority = spec.priority, place = 0 }
  redis.call('ZADD', prefix .. 'queues', 0, spec.queue)
  tally(spec.queue, 'enqueued')
  change_task(task, {
    queue = spec.queue, status = is_delayed and 'delayed' or 'ready', priority = spec.priority, attempt = 0, max_attempts = spec.maxAttempts, releases = 0,
    replays = 0, workflow = spec.workflow, created = now, ready = not is_delayed and now or nil, due = is_delayed and due or nil,
    expires = spec.expiresAtMs or math.max(now, due) + spec.expiresAfterMs, backoff = spec.backoff, lease = spec.leaseMs, limit = spec.limitMs,
    place = is_delayed and 0 or next_place(task), deduped_until = spec.dedupe and now + spec.dedupe.keepMs or nil,
  }, 'task.enqueued')
  if spec.dedupe then
    local ends = whole(now + spec.dedupe.keepMs)
    redis.call('SET', prefix .. 'dedupe:' .. spec.dedupe.key, ends .. ' ' .. spec.id, 'PXAT', ends)
  end
  return { '0', fields_of(task) }
end
