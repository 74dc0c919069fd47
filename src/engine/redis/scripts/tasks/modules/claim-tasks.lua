--[[
  Leases and claiming.
]]
local function lease_end(started, lease, limit)
  if limit then return math.min(now + lease, started + limit) end
  return now + lease
end

local function claimed_of(task) return task_fields.claimed(task, task_store.payload_of(task.id) or '2\n{}null') end

-- {id, token} of each claimed task.
local function lent_of(claimed)
  local lent = {}
  for i, one in ipairs(claimed) do lent[i] = { one[1], one[2] } end
  return lent
end

-- The claimed tasks that are still leased under their token. Counted, so that an earlier answer that was not delivered does not release them.
local function again(lent)
  local claimed = {}
  for _, pair in ipairs(lent) do
    local task = task_store.load(pair[1])
    if task and task.status == 'leased' and task.token == pair[2] then
      full_server.need_no_memory()
      task.redeliveries = task.redeliveries + 1
      task_store.save(task)
      claimed[#claimed + 1] = claimed_of(task)
    end
  end
  return claimed
end

-- The reply to a repeated `end`. Nil if the token has not ended the task, or if the outcome is kept under a once key.
local function ended_by(id, token)
  local task = task_store.load(id)
  if not task or task.status ~= 'done' or task.token ~= token then return nil end
  return { 'replayed', '{}', again(task.lent and { { task.lent, task.lent_token } } or {}) }
end

-- The reply to a repeated request, with the tasks that it had claimed. Nil for a new request.
local function replay_of(request)
  local known = once_keys.happened(request)
  if known and known[1] == 'replayed' then known[3] = again(cjson.decode(known[2]).lent or {}) end
  return known
end

-- Cached for the call: a queue that has had a task stays known.
local known_queues = {}
local function is_known(queue)
  known_queues[queue] = known_queues[queue] or queue_times.of(queue) ~= false or redis.call('ZSCORE', prefix .. key_names.queues, queue) ~= false
  return known_queues[queue]
end

local WORKER_NOTE_INTERVAL_MS = 5000
local noted = {}
local function note_worker(queue, worker)
  local workers = noted[queue] or {}
  noted[queue] = workers
  if workers[worker] then return end
  workers[worker] = true
  local seen = tonumber(redis.call('ZSCORE', task_keys.queue('workers', queue), worker) or 0)
  if seen >= now - WORKER_NOTE_INTERVAL_MS then return end
  redis.call('ZADD', task_keys.queue('workers', queue), whole(now), worker)
  redis.call('ZREMRANGEBYSCORE', task_keys.queue('workers', queue), '-inf', whole(now - limits.WORKER_SHOWN_MS))
  redis.call('PEXPIREAT', task_keys.queue('workers', queue), whole(now + limits.WORKER_SHOWN_MS))
  -- The queue is not idle; see sweep-queues.lua.
  redis.call('HDEL', task_keys.queue('settings', queue), 'idle')
end

-- `pace`: {bucket, interval in microseconds, burst}. Returns the tokens that are left, and the time until there is one more.
local function take_from(pace, count)
  local granted, left, next = bucket.take(prefix .. key_names.limit .. pace[1], now * 1000, pace[2], pace[3], count, count, 0, 0)
  return left, next
end

local function expect_claim(request)
  task_keys.expect_queue(request.queue)
  if request.pace then own_keys.expect('string', prefix .. key_names.limit .. request.pace[1]) end
end

-- Bytes of the payloads that the claims of this call give: all are in one answer.
local given_bytes = 0

-- `request`: {queue, worker, leaseMs?, tokens, pace?}. Returns the claimed tasks, and the end of their last lease.
local function claim(request)
  local queue, claimed, ends = request.queue, {}, now
  if not is_known(queue) then return claimed, ends end
  note_worker(queue, request.worker)
  end_task.tidy(queue)
  if queue_settings.is_paused(queue) then return claimed, ends end
  local looked, most = 0, #request.tokens
  if request.pace then most = math.min(most, (take_from(request.pace, 0))) end
  while #claimed < most and looked < most + limits.MAX_TIDIED do
    looked = looked + 1
    local id = task_heads.first(queue, most - #claimed)
    if not id then break end
    local task = task_store.load(id)
    if #claimed > 0 and given_bytes + task_store.payload_bytes(id) > limits.PAGE_BYTES then break end
    task_heads.take(queue)
    if task and not end_task.belongs(task, 'ready', queue) then
      end_task.put_right(task)
      task = nil
    end
    if task and task.expires <= now then
      end_task.die(task, 'EXPIRED', true)
    elseif task then
      finish_call.tally(queue, 'claimed')
      local lease = request.leaseMs or task.lease
      local old_status = task.status
      task.status, task.attempt, task.worker, task.token = 'leased', task.attempt + 1, request.worker, request.tokens[#claimed + 1]
      task.started, task.held_lease, task.lease_ends = now, lease, lease_end(now, lease, task.limit)
      -- Not set without need: a seventeenth field would make Lua enlarge the table.
      if task.redeliveries > 0 then task.redeliveries = 0 end
      task_places.changed(task, old_status, 'task.claimed', true)
      claimed[#claimed + 1] = claimed_of(task)
      given_bytes = given_bytes + task_store.payload_bytes(id)
      ends = math.max(ends, task.lease_ends)
    end
  end
  if request.pace and #claimed > 0 then take_from(request.pace, #claimed) end
  return claimed, ends
end

-- Time until a delayed task is due, a lease ends, or `pace` allows a ready task; '' if there is none.
local function next_due_in(queue, pace)
  if queue_settings.is_paused(queue) then return '' end
  if task_heads.is_any_ready(queue) then
    if not pace then return '0' end
    local left, next = take_from(pace, 0)
    return left > 0 and '0' or whole(next)
  end
  finish_call.flush_leased(queue)
  local next
  for _, kind in ipairs({ 'delayed', 'leased' }) do
    local score = tonumber(redis.call('ZRANGE', task_keys.queue(kind, queue), 0, 0, 'WITHSCORES')[2])
    if score and (not next or score < next) then next = score end
  end
  return next and whole(math.max(0, next - now)) or ''
end

return { lease_end = lease_end, lent_of = lent_of, again = again, ended_by = ended_by, replay_of = replay_of,
  known_queues = known_queues, is_known = is_known, expect_claim = expect_claim, claim = claim, next_due_in = next_due_in }
