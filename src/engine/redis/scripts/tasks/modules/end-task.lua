--[[
  Completion, cancellation, death and expiry of tasks.
]]
-- The task, if the token belongs to its current delivery; else nil and the reason.
local function leased_task(id, token)
  local task = task_store.load(id)
  if not task then return nil, 'unknown' end
  if task.status == 'cancelled' then return nil, 'cancelled' end
  if task.token ~= token or not tasks.is_open(task) then return nil, 'lost' end
  return task
end

-- An ended task is kept at least as long as its dedupe key, so that a duplicate finds it.
local function end_of_keeping(task, ms) return math.max(now + ms, task.deduped_until or 0) end

-- Failures of an ended task expire with it.
local function end_failures(task)
  if task.has_failed then redis.call('PEXPIREAT', task_keys.failures(task.id), task.kept_until) end
end

local function end_progress(task)
  if task.progress > 0 then redis.call('PEXPIREAT', task_keys.progress(task.id), now + call.limits.progressMs) end
end

-- Most results are null; those are not stored.
local NO_RESULT = 'null'

-- `is_proof`: the task keeps its token, so that a repeat of the request is recognized; see ended_by.
local function finish(task, result, is_proof)
  local kept_until = end_of_keeping(task, call.limits.resultMs)
  if result ~= NO_RESULT then redis.call('SET', task_keys.result(task.id), result, 'PXAT', whole(kept_until)) end
  local old_status = task.status
  task.token = is_proof and task.token or nil
  task.status, task.ended, task.kept_until = 'done', now, kept_until
  task_places.changed(task, old_status, 'task.done')
  task_store.drop_payload(task.id)
  finish_call.tally(task.queue, 'completed')
  end_failures(task)
  end_progress(task)
end

local function result_of(task)
  return task.status == 'done' and (redis.call('GET', task_keys.result(task.id)) or NO_RESULT)
end

local function cancel_task(task, reason)
  local kept_until = end_of_keeping(task, call.limits.resultMs)
  local changes = { token = false, status = 'cancelled', cancel = true, reason = reason or false, ended = now, kept_until = kept_until }
  task_places.change(task, changes, 'task.cancelled')
  task_store.drop_payload(task.id)
  finish_call.tally(task.queue, 'cancelled')
  end_failures(task)
  end_progress(task)
  return task
end

local function die(task, reason, is_out)
  task_places.change(task, { token = false, status = 'dead', reason = reason, ended = now, kept_until = now + call.limits.deadMs }, 'task.dead', is_out)
  finish_call.tally(task.queue, 'died')
  end_progress(task)
  return task
end

-- Appends the task to its queue: a retry or a task that was due later does not overtake others.
local function make_ready(task, more, event)
  task_places.change(task, task_places.with({ status = 'ready', ready = now, place = task_places.next(task) }, more or {}), event or 'task.ready')
end

-- Ends the delivery. Its token stays valid until another worker claims the task.
local function expire_lease(task)
  if task.cancel then cancel_task(task, task.reason)
  elseif task.attempt >= task.max_attempts then die(task, 'LEASE_EXPIRED')
  else task_places.change(task, { status = 'ready', ready = now }, 'task.lease-expired') end
end

local function is_lease_over(task) return task.status == 'leased' and task.lease_ends <= now end

local function due_in(kind, queue, limit, upto)
  if kind == 'leased' then finish_call.flush_leased(queue) end
  return redis.call('ZRANGEBYSCORE', task_keys.queue(kind, queue), '-inf', upto, 'LIMIT', 0, limit)
end

-- Whether the task belongs into a set. It does not if another program deleted its key and the id was used again.
local function belongs(task, kind, queue)
  return task.queue == queue and (task.status == kind or kind == 'expiring' and (task.status == 'ready' or task.status == 'delayed'))
end

-- A task was found in a set where it does not belong: a script that failed has moved it without saving it. Puts it into the set of its status.
local function put_right(task) task_places.put(task, nil) end

-- The task of an id in a set. An id that does not belong there is removed.
local function member(kind, queue, id)
  local task = task_store.stored(id)
  if task and belongs(task, kind, queue) then return task end
  if task then put_right(task) end
  redis.call('ZREM', task_places.set_key(kind, queue), id)
  return nil
end

local function each_due(kind, queue, limit, upto, act)
  local ids = due_in(kind, queue, limit, upto)
  for _, id in ipairs(ids) do
    local task = member(kind, queue, id)
    if task then act(task) end
  end
  return #ids
end

-- Returns the number of tasks that were due.
local function tidy(queue)
  if task_places.tidy_queues[queue] then return 0 end
  task_places.tidy_queues[queue] = true
  return each_due('delayed', queue, limits.MAX_TIDIED, now, function(task) make_ready(task) end) + each_due('leased', queue, limits.MAX_TIDIED, now, expire_lease)
end

-- Ends expired ready tasks. Looks only at the first tasks of each priority, which are the oldest. Returns
-- their number, and the time at which the next of them expires.
local function end_overdue_heads(queue, limit)
  local ended, next_due = 0, math.huge
  for priority = 0, limits.MAX_PRIORITY do
    local from, to = whole(priority * limits.PLACES_PER_PRIORITY), '(' .. whole((priority + 1) * limits.PLACES_PER_PRIORITY)
    while ended < limit do
      local id = redis.call('ZRANGEBYSCORE', task_heads.ready_key(queue), from, to, 'LIMIT', 0, 1)[1]
      local task = id and member('ready', queue, id)
      if not id then break end
      if task and task.expires > now then
        next_due = math.min(next_due, task.expires)
        break
      end
      if task then die(task, 'EXPIRED') end
      ended = ended + 1
    end
  end
  return ended, next_due
end

return { NO_RESULT = NO_RESULT, leased_task = leased_task, end_failures = end_failures, finish = finish, result_of = result_of, cancel = cancel_task, die = die,
  make_ready = make_ready, expire_lease = expire_lease, is_lease_over = is_lease_over, due_in = due_in, belongs = belongs, put_right = put_right, member = member, each_due = each_due, tidy = tidy, end_overdue_heads = end_overdue_heads }
