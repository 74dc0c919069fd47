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

--[[
  A task is one value, its fields in this order and without names: read and written as a whole, it costs a third of what a hash of them would,
  and a million waiting tasks do not carry the names a million times. New fields go last.
]]
local function pack_task(task)
  return cmsgpack.pack(task.queue, task.status, task.priority, task.attempt, task.max_attempts, task.releases, task.replays, task.workflow, task.created,
    task.ready, task.due, task.expires, task.is_timed, task.lease_ends, task.worker, task.cancel, task.reason, task.ended, task.token, task.backoff,
    task.lease, task.limit, task.place, task.started, task.held_lease, task.progress, task.has_failed, task.kept_until, task.deduped_until, task.dedupe, task.lent)
end

-- All fields at once, so that the table is made in its full size.
local function unpack_task(id, packed)
  local queue, status, priority, attempt, max_attempts, releases, replays, workflow, created, ready, due, expires, is_timed, lease_ends, worker, cancel,
    reason, ended, token, backoff, lease, limit, place, started, held_lease, progress, has_failed, kept_until, deduped_until, dedupe, lent
    = cmsgpack.unpack(packed)
  return { id = id, queue = queue, status = status, priority = priority, attempt = attempt, max_attempts = max_attempts, releases = releases,
    replays = replays, workflow = workflow, created = created, ready = ready, due = due, expires = expires, is_timed = is_timed, lease_ends = lease_ends,
    worker = worker, cancel = cancel, reason = reason, ended = ended, token = token, backoff = backoff, lease = lease, limit = limit, place = place,
    started = started, held_lease = held_lease, progress = progress, has_failed = has_failed, kept_until = kept_until, deduped_until = deduped_until,
    dedupe = dedupe, lent = lent }
end

-- What was ever written of a task, kept still or not.
local function stored_task(id)
  local packed = redis.call('GET', task_key(id))
  return packed and unpack_task(id, packed)
end

-- Nil when there is no such task, or it has ended and is not kept any longer.
local function load_task(id)
  local task = stored_task(id)
  if not task or (task.kept_until and task.kept_until <= now) then return nil end
  return task
end

-- One that has ended goes by itself; a dead one waits for somebody to look at it, or for the sweep.
local function save_task(task)
  if task.kept_until and task.status ~= 'dead' then redis.call('SET', task_key(task.id), pack_task(task), 'PXAT', task.kept_until)
  else redis.call('SET', task_key(task.id), pack_task(task)) end
end

local function is_open(task) return task.status == 'ready' or task.status == 'delayed' or task.status == 'leased' end

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

local function feed(...)
  return redis.call('XADD', prefix .. 'events', 'MAXLEN', '~', events_kept, '*', ...)
end

local function announce_task(event, task)
  if task.workflow then feed('type', event, 'id', task.id, 'queue', task.queue, 'workflow', task.workflow)
  else feed('type', event, 'id', task.id, 'queue', task.queue) end
  hint('task ' .. task.id)
  if task.status == 'ready' or task.status == 'delayed' then hint('queue ' .. task.queue) end
end

local MINUTE_MS = 60000
local function rate_key(queue, total, minute) return queue_key('rate', queue) .. ':' .. total .. ':' .. whole(minute) end

-- Of all time, and of this minute for those that have a rate. Written at the end, once for all that one call did.
local RATES = { enqueued = true, completed = true }
local tallies = {}
local function tally(queue, total)
  local counts = tallies[queue] or {}
  tallies[queue] = counts
  counts[total] = (counts[total] or 0) + 1
end

--[[
  What a call of many requests does to the leased tasks of a queue, and the payloads it lets go of, is written once for all of them: by
  settle_leased before somebody looks at the leased ones, and by finish_call at the end.
]]
local LEASED_AT_ONCE = 1000
local leased_changes = {}
local function settle_leased(queue)
  local changes = leased_changes[queue]
  if not changes then return end
  leased_changes[queue] = nil
  local added, removed = {}, {}
  for id, ends in pairs(changes.ends) do
    if ends then
      added[#added + 1] = ends
      added[#added + 1] = id
    else
      removed[#removed + 1] = id
    end
  end
  if #added > 0 then redis.call('ZADD', queue_key('leased', queue), unpack(added)) end
  if #removed > 0 then redis.call('ZREM', queue_key('leased', queue), unpack(removed)) end
end

-- `ends`: of the lease; false when it is over.
local function note_leased(queue, id, ends)
  local changes = leased_changes[queue]
  if not changes then
    changes = { count = 0, ends = {} }
    leased_changes[queue] = changes
  end
  changes.ends[id] = ends
  changes.count = changes.count + 1
  if changes.count == LEASED_AT_ONCE then settle_leased(queue) end
end

local dropped = {}
local function drop_payload(id) dropped[id] = true end

local function finish_call()
  for queue in pairs(leased_changes) do settle_leased(queue) end
  local keys = {}
  for id in pairs(dropped) do
    keys[#keys + 1] = payload_key(id)
    if #keys == LEASED_AT_ONCE then
      redis.call('UNLINK', unpack(keys))
      keys = {}
    end
  end
  if #keys > 0 then redis.call('UNLINK', unpack(keys)) end
  for queue, counts in pairs(tallies) do
    for total, count in pairs(counts) do
      redis.call('HINCRBY', queue_key('settings', queue), 'total:' .. total, count)
      if RATES[total] then
        local key = rate_key(queue, total, math.floor(now / MINUTE_MS))
        redis.call('INCRBY', key, count)
        redis.call('PEXPIREAT', key, whole(now + 3 * MINUTE_MS))
      end
    end
  end
end

local function next_place(task)
  return task.priority * PLACES_PER_PRIORITY + redis.call('HINCRBY', queue_key('settings', task.queue), 'sequence', 1)
end

-- A server without memory lets a script go on that has begun to write with something that takes none.
local has_written = false
local function need_no_memory()
  if has_written then return end
  has_written = true
  redis.call('UNLINK', prefix .. 'nothing')
end

local function settle_hold(id)
  local record = load(id)
  if not record or record.kind ~= 'ours' then return end
  local deadline = held_deadline(id, record.deadline, record.ttl)
  if deadline == record.deadline then return end
  redis.call('HSET', meta_key(id), 'deadline', deadline_text(deadline))
  set_deadline(id, deadline, true)
  index_deadline(id, deadline)
  hint('workflow ' .. id)
end

-- In which set a task stands, and where.
local SCORES = { ready = 'place', delayed = 'due', leased = 'lease_ends', dead = 'ended' }

-- A task whose maker said when it is not worth starting any more stands in a set of its own while it waits. For the others, which wait for as
-- long as the service lets them, it is enough to look at the first ones: see end_overdue_heads.
-- `is_out`: it has been taken out of its old set already.
local function place_in_sets(task, old_status, is_out)
  local score = SCORES[task.status]
  if task.status == 'leased' then note_leased(task.queue, task.id, task.lease_ends)
  elseif score then redis.call('ZADD', queue_key(task.status, task.queue), task[score], task.id) end
  if task.is_timed then
    if task.status == 'ready' or task.status == 'delayed' then
      redis.call('ZADD', queue_key('expiring', task.queue), task.expires, task.id)
    elseif old_status == 'ready' or old_status == 'delayed' then
      redis.call('ZREM', queue_key('expiring', task.queue), task.id)
    end
  end
  if not old_status or old_status == task.status or not SCORES[old_status] or is_out then return end
  if old_status == 'leased' then note_leased(task.queue, task.id, false)
  else redis.call('ZREM', queue_key(old_status, task.queue), task.id) end
end

local function hold_workflow(task)
  if not task.workflow then return end
  local key = workflow_tasks_key(task.workflow)
  redis.call('ZADD', key, is_open(task) and whole(-task.created) or whole(task.ended), task.id)
  if is_held(task.workflow) then
    redis.call('PERSIST', key)
  else
    local kept = math.max(call.limits.resultMs, call.limits.deadMs, LONGEST_DEDUPE_MS)
    redis.call('ZREMRANGEBYSCORE', key, '(0', '(' .. whole(now - kept))
    redis.call('PEXPIREAT', key, whole(now + kept))
  end
  settle_hold(task.workflow)
end

-- Writes what `changes` say (false takes a field away) and puts the task where it belongs then.
local function change_task(task, changes, event, is_out)
  local old_status, was_open = task.status, is_open(task)
  for name, value in pairs(changes) do task[name] = value or nil end
  save_task(task)
  place_in_sets(task, old_status, is_out)
  if was_open ~= is_open(task) then hold_workflow(task) end
  if event then announce_task(event, task) end
  return task
end

local function with(changes, more)
  for name, value in pairs(more) do changes[name] = value end
  return changes
end

-- The task, if the token is that of its current delivery; else nil and why not.
local function leased_task(id, token)
  local task = load_task(id)
  if not task then return nil, 'unknown' end
  if task.status == 'cancelled' then return nil, 'cancelled' end
  if task.token ~= token or not is_open(task) then return nil, 'lost' end
  return task
end

-- A task is known for as long as its dedupe key is: whoever enqueues it again gets it shown.
local function end_of_keeping(task, ms) return math.max(now + ms, task.deduped_until or 0) end

-- What else there is of an ended task goes when the task goes.
local function end_failures(task)
  if task.has_failed then redis.call('PEXPIREAT', failures_key(task.id), task.kept_until) end
end

local function end_progress(task)
  if task.progress then redis.call('PEXPIREAT', progress_key(task.id), now + call.limits.progressMs) end
end

-- Most tasks have nothing to say at their end.
local NO_RESULT = 'null'

-- `is_proof`: it keeps its token, which proves to whoever has that too what has become of the delivery; see ended_by.
local function finish(task, result, is_proof)
  drop_payload(task.id)
  tally(task.queue, 'completed')
  local kept_until = end_of_keeping(task, call.limits.resultMs)
  if result ~= NO_RESULT then redis.call('SET', result_key(task.id), result, 'PXAT', kept_until) end
  change_task(task, { token = is_proof and task.token or false, status = 'done', ended = now, kept_until = kept_until }, 'task.done')
  end_failures(task)
  end_progress(task)
end

local function result_of(task)
  return task.status == 'done' and (redis.call('GET', result_key(task.id)) or NO_RESULT)
end

local function cancel_task(task, reason)
  drop_payload(task.id)
  tally(task.queue, 'cancelled')
  local kept_until = end_of_keeping(task, call.limits.resultMs)
  change_task(task, { token = false, status = 'cancelled', cancel = true, reason = reason or false, ended = now, kept_until = kept_until }, 'task.cancelled')
  end_failures(task)
  end_progress(task)
  return task
end

local function die(task, reason)
  tally(task.queue, 'died')
  change_task(task, { token = false, status = 'dead', reason = reason, ended = now, kept_until = now + call.limits.deadMs }, 'task.dead')
  end_progress(task)
  return task
end

-- Joins the tail: a retry or a task that was planned for later does not jump the queue.
local function make_ready(task, more, event)
  change_task(task, with({ status = 'ready', ready = now, place = next_place(task) }, more or {}), event or 'task.ready')
end

-- The delivery is spent. Its token stays good until somebody else claims the task.
local function expire_lease(task)
  if task.cancel then cancel_task(task, task.reason)
  elseif task.attempt >= task.max_attempts then die(task, 'LEASE_EXPIRED')
  else change_task(task, { status = 'ready', ready = now }, 'task.lease-expired') end
end

local function due_in(kind, queue, most, upto)
  if kind == 'leased' then settle_leased(queue) end
  return redis.call('ZRANGEBYSCORE', queue_key(kind, queue), '-inf', upto, 'LIMIT', 0, most)
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

-- Once for a queue is enough in one call: time stands still in it.
local tidied = {}
local function tidy(queue)
  if tidied[queue] then return end
  tidied[queue] = true
  each_due('delayed', queue, TIDIED_AT_ONCE, now, function(task) make_ready(task) end)
  each_due('leased', queue, TIDIED_AT_ONCE, now, expire_lease)
end

-- Tasks that have waited too long come first among those of their priority, or nearly so. Returns how many there were.
local function end_overdue_heads(queue, most)
  local ended = 0
  for priority = 0, HIGHEST_PRIORITY do
    local from, to = whole(priority * PLACES_PER_PRIORITY), '(' .. whole((priority + 1) * PLACES_PER_PRIORITY)
    while ended < most do
      local id = redis.call('ZRANGEBYSCORE', queue_key('ready', queue), from, to, 'LIMIT', 0, 1)[1]
      local task = id and member('ready', queue, id)
      if not id or (task and task.expires > now) then break end
      if task then die(task, 'EXPIRED') end
      ended = ended + 1
    end
  end
  return ended
end

local function lease_end(started, lease, limit)
  if limit then return math.min(now + lease, started + limit) end
  return now + lease
end

local function claimed_of(task)
  return { task.id, task.queue, task.token, task.lease_ends, task.priority, task.attempt, task.max_attempts, task.workflow or '', task.created,
    redis.call('GET', payload_key(task.id)) or '2\n{}null' }
end

-- Which task got which token.
local function lent_of(claimed)
  local lent = {}
  for i, one in ipairs(claimed) do lent[i] = { one[1], one[3] } end
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

-- The reply to whoever acknowledges a task that the same delivery has ended already; nil when it was another one, or all is kept under a once key.
local function ended_by(id, token)
  local task = load_task(id)
  if not task or task.status ~= 'done' or task.token ~= token then return nil end
  return { 'replayed', '{}', again({ task.lent }) }
end

-- Nothing in a call of many requests pauses a queue.
local paused = {}
local function is_paused(queue)
  if paused[queue] == nil then paused[queue] = redis.call('HGET', queue_key('settings', queue), 'paused') == '1' end
  return paused[queue]
end

-- Names stand in `queues` from their first task on, and stay.
local known_queues = {}
local function is_known(queue)
  known_queues[queue] = known_queues[queue] or redis.call('ZSCORE', prefix .. 'queues', queue) ~= false
  return known_queues[queue]
end

local noted = {}
local function note_worker(queue, worker)
  local name = queue .. ' ' .. worker
  if noted[name] then return end
  noted[name] = true
  local seen = tonumber(redis.call('ZSCORE', queue_key('workers', queue), worker) or 0)
  if seen >= now - WORKER_NOTED_MS then return end
  redis.call('ZADD', queue_key('workers', queue), whole(now), worker)
  redis.call('ZREMRANGEBYSCORE', queue_key('workers', queue), '-inf', whole(now - WORKER_SEEN_MS))
  redis.call('PEXPIREAT', queue_key('workers', queue), whole(now + WORKER_SEEN_MS))
end

-- {queue, worker, leaseMs?, tokens}. Returns the claimed, and when the last of their leases ends.
local function claim(request)
  local queue, claimed, ends = request.queue, {}, now
  if not is_known(queue) then return claimed, ends end
  note_worker(queue, request.worker)
  tidy(queue)
  if is_paused(queue) then return claimed, ends end
  local looked = 0
  while #claimed < #request.tokens and looked < #request.tokens + TIDIED_AT_ONCE do
    looked = looked + 1
    local id = redis.call('ZPOPMIN', queue_key('ready', queue))[1]
    if not id then break end
    local task = load_task(id)
    if task and task.expires <= now then
      die(task, 'EXPIRED')
    elseif task then
      tally(queue, 'claimed')
      local lease = request.leaseMs or task.lease
      change_task(task, { status = 'leased', attempt = task.attempt + 1, worker = request.worker, token = request.tokens[#claimed + 1], started = now,
        held_lease = lease, lease_ends = lease_end(now, lease, task.limit) }, 'task.claimed', true)
      claimed[#claimed + 1] = claimed_of(task)
      ends = math.max(ends, task.lease_ends)
    end
  end
  return claimed, ends
end

-- How long until something may become ready by itself; '' when nothing will.
local function next_due_in(queue)
  if is_paused(queue) then return '' end
  if redis.call('ZCARD', queue_key('ready', queue)) > 0 then return '0' end
  settle_leased(queue)
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
  change_task(task, with({ status = 'leased', held_lease = length, lease_ends = ends }, more or {}))
  hint('task ' .. task.id)
  return task
end

local function release(task)
  if task.cancel then return cancel_task(task, task.reason) end
  local is_spent = task.releases >= MOST_RELEASES
  if is_spent and task.attempt >= task.max_attempts then return die(task, 'RELEASED_TOO_OFTEN') end
  return change_task(task, { token = false, status = 'ready', attempt = is_spent and task.attempt or task.attempt - 1, releases = task.releases + 1,
    ready = now }, 'task.released')
end

-- `failure` is JSON made by the service, but for the attempt and the time in front of it.
local function fail(task, code, is_retryable, retry_after, jitter, failure)
  redis.call('RPUSH', failures_key(task.id), whole(task.attempt) .. ' ' .. whole(now) .. ' ' .. failure)
  redis.call('LTRIM', failures_key(task.id), -FAILURES_KEPT, -1)
  task.has_failed = true
  if task.cancel then return cancel_task(task, task.reason) end
  if not is_retryable or task.attempt >= task.max_attempts then return die(task, code) end
  local delay = retry_after
  if not delay then
    local steps = {}
    for step in string.gmatch(task.backoff or '', '%d+') do steps[#steps + 1] = tonumber(step) end
    delay = math.floor((steps[math.min(task.attempt, #steps)] or 0) * jitter)
  end
  tally(task.queue, 'retried')
  return change_task(task, { token = false, status = 'delayed', due = now + delay }, 'task.delayed')
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
  local task = stored_task(id)
  if task and task.workflow then redis.call('ZREM', workflow_tasks_key(task.workflow), id) end
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
      local open = redis.call('ZCARD', queue_key('ready', queue)) + redis.call('ZCARD', queue_key('delayed', queue)) +
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
  redis.call('SET', payload_key(spec.id), payload)
  dropped[spec.id] = nil
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
