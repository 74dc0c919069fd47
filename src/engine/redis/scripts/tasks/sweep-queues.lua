--[[
  sweep-queues: sweeps queues that are due: readies due tasks, ends expired leases and tasks, removes old dead ones. A queue without tasks ends when
  nothing has happened to it for a while. Idempotent.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: see tasks.lua; limit; idleMs, the time after which a queue without tasks ends
  Returns  {'1' if more queues may be due or '0', time at which a queue is due next or ''}
  Errors   that of a queue with damaged keys: the others were swept, and that one is due again later
]]
local limit = call.limit
local MAX_QUEUES = 50
local RETRIED_MS = 60000
-- Tasks of which one call reads the sizes.
local MAX_COUNTED = 1000
local queue_facts = { 'paused', 'idle' }
for _, name in ipairs(queue_fields.TOTALS) do queue_facts[#queue_facts + 1] = 'total:' .. name end

if not own_keys.is_marked() then return { '0', '' } end
own_keys.expect('stream', prefix .. key_names.events)
own_keys.expect('zset', queue_times.key)
local due = redis.call('ZRANGEBYSCORE', queue_times.key, '-inf', whole(now), 'LIMIT', 0, MAX_QUEUES)

-- Removes a dead task with everything that belongs to it.
local function remove(queue, id)
  local task = task_store.stored(id)
  if task and not end_task.belongs(task, 'dead', queue) then end_task.put_right(task) else create_task.remove(id) end
  -- Last, so that the next sweep finds a task that is only removed in part.
  redis.call('ZREM', task_keys.queue('dead', queue), id)
end

-- An error in the middle of a script, another program and an earlier version may leave a sum of bytes wrong. Without tasks the sum is 0. A sum over half
-- of its limit is counted anew, unless this call has counted too many tasks already. Returns the sum.
local uncounted = MAX_COUNTED
local function right_bytes(queue, sum, kinds)
  local bytes, size = queue_settings.bytes_of(queue, sum), 0
  if bytes == 0 then return 0 end
  finish_call.flush_leased(queue)
  for _, kind in ipairs(kinds) do size = size + redis.call('ZCARD', task_places.set_key(kind, queue)) end
  if size > 0 and (bytes <= call.limits.maxBytes / 2 or size > uncounted) then return bytes end
  uncounted = uncounted - size
  queue_settings.flush(queue)
  local counted = 0
  for _, kind in ipairs(kinds) do
    local ids = redis.call('ZRANGE', task_keys.queue(kind, queue), 0, -1)
    task_store.read(ids)
    for _, id in ipairs(ids) do
      local task = task_store.stored(id)
      if task and end_task.belongs(task, kind, queue) then counted = counted + (task.bytes or 0) end
    end
  end
  if counted ~= bytes then queue_settings.correct(queue, sum, counted) end
  return counted
end

-- Removes the oldest dead tasks beyond the limits of a queue. The last dead task stays, whatever its size. Returns their number.
local function trim_dead(queue, limit)
  local key = task_keys.queue('dead', queue)
  local removed, too_many = 0, redis.call('ZCARD', key) - call.limits.maxDead
  local is_too_large = right_bytes(queue, 'dead_bytes', { 'dead' }) > call.limits.maxBytes
  local most = is_too_large and limit or math.min(too_many, limit)
  local ids = most > 0 and redis.call('ZRANGE', key, 0, most) or {}
  for i = 1, #ids - 1 do
    if removed >= too_many and queue_settings.bytes_of(queue, 'dead_bytes') <= call.limits.maxBytes then break end
    remove(queue, ids[i])
    removed = removed + 1
  end
  return removed
end

-- Returns the number of tasks that were changed, and the time at which the first of the ready tasks expires.
local function sweep(queue)
  task_keys.expect_queue(queue)
  local changed = end_task.tidy(queue) + end_task.each_due('expiring', queue, limit, now, function(task) end_task.die(task, 'EXPIRED') end)
  local overdue, next_due = end_task.end_overdue_heads(queue, limit)
  local old = end_task.due_in('dead', queue, limit, now - call.limits.deadMs)
  for _, id in ipairs(old) do remove(queue, id) end
  local trimmed = trim_dead(queue, limit)
  right_bytes(queue, 'bytes', { 'ready', 'delayed', 'leased' })
  -- A set may hold more than was looked at.
  if math.max(trimmed, overdue) >= limit then next_due = now end
  return changed + overdue + #old + trimmed, next_due
end

local function first_of(kind, queue, later)
  local score = tonumber(redis.call('ZRANGE', task_keys.queue(kind, queue), 0, 0, 'WITHSCORES')[2])
  return score and score + later or math.huge
end

-- In whole minutes, so that idle queues are due together.
local function idle_end(since) return math.ceil((since + call.idleMs) / limits.MINUTE_MS) * limits.MINUTE_MS end

local function end_queue(queue)
  redis.call('ZREM', prefix .. key_names.queues, queue)
  redis.call('UNLINK', task_keys.queue('settings', queue), task_keys.queue('workers', queue))
  queue_times.remove(queue)
end

-- `next_due`: time of its first task; Infinity without tasks. The totals show that something has happened to a queue; a claim removes the note `idle`.
local function settle(queue, next_due)
  next_due = math.min(next_due, first_of('delayed', queue, 0), first_of('leased', queue, 0), first_of('expiring', queue, 0),
    first_of('dead', queue, call.limits.deadMs))
  if next_due < math.huge then return queue_times.set(queue, next_due) end
  local settings = task_keys.queue('settings', queue)
  local facts = redis.call('HMGET', settings, unpack(queue_facts))
  if facts[1] == '1' then return queue_times.set(queue, idle_end(now)) end
  for i, fact in ipairs(facts) do facts[i] = fact or '-' end
  local totals = table.concat(facts, ' ', 3)
  local since, noted = string.match(facts[2], '^(%d+) (.*)$')
  if noted ~= totals then
    redis.call('HSET', settings, 'idle', whole(now) .. ' ' .. totals)
    return queue_times.set(queue, idle_end(now))
  end
  if idle_end(tonumber(since)) > now then return queue_times.set(queue, idle_end(tonumber(since))) end
  end_queue(queue)
end

local failure
-- The error of a key of another type names the key only when the script runs again, traced; so the queue stays due until then.
local function postpone(queue, why)
  local text = type(why) == 'table' and why.err or tostring(why)
  local is_of_type = string.find(text, 'WRONGTYPE', 1, true)
  if not is_of_type then queue_times.set(queue, now + RETRIED_MS) end
  if not is_of_type and not string.find(text, 'KEY_TAKEN', 1, true) then why = 'queue ' .. queue .. ': ' .. text end
  failure = failure or why
end

local swept, changed = {}, 0
if #due > 0 then full_server.need_no_memory() end
for _, queue in ipairs(due) do
  local is_done, count, next_due = pcall(sweep, queue)
  if is_done then
    swept[#swept + 1] = { queue, next_due }
    changed = changed + count
  else postpone(queue, count) end
  if changed >= limit then break end
end
-- Changes made before an error are written too.
local is_done, why = pcall(finish_call.finish)
if not is_done then failure = failure or why end
for _, one in ipairs(swept) do
  local is_settled, reason = pcall(settle, one[1], one[2])
  if not is_settled then postpone(one[1], reason) end
end
if failure then error(failure, 0) end

local next_due = tonumber(redis.call('ZRANGE', queue_times.key, 0, 0, 'WITHSCORES')[2])
if not next_due then return { '0', '' } end
return { next_due <= now and '1' or '0', whole(clock.sweep_time(next_due)) }
