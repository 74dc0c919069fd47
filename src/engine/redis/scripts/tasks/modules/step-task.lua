--[[
  Steps of a worker on a leased task: renewal, release, failure, progress.
]]
-- Renews the lease, by default for its last length. Also renews an expired lease, if no worker has claimed the task since.
local function extend(task, lease, more)
  local length = lease or task.held_lease or task.lease
  local ends = claim_tasks.lease_end(task.started or now, length, task.limit)
  task_places.change(task, task_places.with({ status = 'leased', held_lease = length, lease_ends = ends }, more or {}))
  feeding.hint('task ' .. task.id)
  return task
end

local function release(task)
  if task.cancel then return end_task.cancel(task, task.reason) end
  local is_spent = task.releases >= limits.MAX_RELEASES
  if is_spent and task.attempt >= task.max_attempts then return end_task.die(task, 'RELEASED_TOO_OFTEN') end
  return task_places.change(task, { token = false, status = 'ready', attempt = is_spent and task.attempt or task.attempt - 1, releases = task.releases + 1,
    ready = now }, 'task.released')
end

-- `failure`: JSON made by the service, stored after attempt and time.
local function fail(task, code, is_retryable, retry_after, jitter, failure)
  redis.call('RPUSH', task_keys.failures(task.id), whole(task.attempt) .. ' ' .. whole(now) .. ' ' .. failure)
  redis.call('LTRIM', task_keys.failures(task.id), -limits.MAX_FAILURES, -1)
  task.has_failed = true
  if task.cancel then return end_task.cancel(task, task.reason) end
  if not is_retryable or task.attempt >= task.max_attempts then return end_task.die(task, code) end
  local delay = retry_after
  if not delay then
    local steps = {}
    for step in string.gmatch(task.backoff or '', '%d+') do steps[#steps + 1] = tonumber(step) end
    delay = math.floor((steps[math.min(task.attempt, #steps)] or 0) * jitter)
  end
  finish_call.tally(task.queue, 'retried')
  return task_places.change(task, { token = false, status = 'delayed', due = now + delay }, 'task.delayed')
end

local function add_progress(task, event)
  local number = task.progress + 1
  redis.call('XADD', task_keys.progress(task.id), 'MAXLEN', limits.MAX_PROGRESS_EVENTS, whole(number) .. '-0', 'at', whole(now), 'event', event)
  extend(task, nil, { progress = number })
  return whole(number)
end

return { extend = extend, release = release, fail = fail, add_progress = add_progress }
