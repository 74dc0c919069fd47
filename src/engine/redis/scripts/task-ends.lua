--[[
  Common to the scripts that know tasks: how a task ends, and what time does to it; behind task-places.lua.
]]
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
-- Its first write may be refused for want of memory, so nothing is noted before that.
local function finish(task, result, is_proof)
  local kept_until = end_of_keeping(task, call.limits.resultMs)
  if result ~= NO_RESULT then redis.call('SET', result_key(task.id), result, 'PXAT', whole(kept_until)) end
  local old_status = task.status
  task.token = is_proof and task.token or nil
  task.status, task.ended, task.kept_until = 'done', now, kept_until
  task_changed(task, old_status, 'task.done')
  drop_payload(task.id)
  tally(task.queue, 'completed')
  end_failures(task)
  end_progress(task)
end

local function result_of(task)
  return task.status == 'done' and (redis.call('GET', result_key(task.id)) or NO_RESULT)
end

local function cancel_task(task, reason)
  local kept_until = end_of_keeping(task, call.limits.resultMs)
  change_task(task, { token = false, status = 'cancelled', cancel = true, reason = reason or false, ended = now, kept_until = kept_until }, 'task.cancelled')
  drop_payload(task.id)
  tally(task.queue, 'cancelled')
  end_failures(task)
  end_progress(task)
  return task
end

local function die(task, reason)
  change_task(task, { token = false, status = 'dead', reason = reason, ended = now, kept_until = now + call.limits.deadMs }, 'task.dead')
  tally(task.queue, 'died')
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
  if not task then redis.call('ZREM', set_key(kind, queue), id) end
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
      local id = redis.call('ZRANGEBYSCORE', ready_key(queue), from, to, 'LIMIT', 0, 1)[1]
      local task = id and member('ready', queue, id)
      if not id or (task and task.expires > now) then break end
      if task then die(task, 'EXPIRED') end
      ended = ended + 1
    end
  end
  return ended
end
