--[[
  queues: depth, totals, rates and workers of queues.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: either queue, a name; or page, see queue-names.lua
  Returns  of one queue {{id…} of tasks whose lease is over although nothing has ended it, values}: values are those named in src/engine/records/queue-fields.ts; a missing time is ''
           minutes: for each rate, the counts of the last minute and of this one
           workers: names and times in turn; holders: the worker of each leased task
           of a page {last name or '' at the end, {name, values}…}, without the values if they cannot be read
]]
local minute = math.floor(now / limits.MINUTE_MS)
local IN_SETTINGS = { 'paused', 'bytes', 'dead_bytes' }
for _, name in ipairs(queue_fields.TOTALS) do IN_SETTINGS[#IN_SETTINGS + 1] = 'total:' .. name end

-- Most queues of a long list are empty, so nothing more is read of an empty set.
local function values_of(queue)
  local values = { totals = {}, minutes = {}, holders = {}, nowMs = whole(now) }
  for _, kind in ipairs({ 'ready', 'delayed', 'leased', 'dead' }) do values[kind] = redis.call('ZCARD', task_keys.queue(kind, queue)) end
  local function first(kind) return values[kind] > 0 and redis.call('ZRANGE', task_keys.queue(kind, queue), 0, 0, 'WITHSCORES') or {} end
  local oldest = first('ready')[1]
  local oldest_task = oldest and task_store.stored(oldest)
  values.oldestReadyAtMs, values.nextDueAtMs, values.nextLeaseEndsAtMs =
    oldest_task and whole(oldest_task.ready) or '', first('delayed')[2] or '', first('leased')[2] or ''
  values.workers = redis.call('ZRANGEBYSCORE', task_keys.queue('workers', queue), '(' .. whole(now - limits.WORKER_SHOWN_MS), '+inf', 'WITHSCORES')
  local settings = redis.call('HMGET', task_keys.queue('settings', queue), unpack(IN_SETTINGS))
  values.isPaused, values.bytes, values.deadBytes = settings[1] or '0', settings[2] or '0', settings[3] or '0'
  for i = 1, #queue_fields.TOTALS do values.totals[i] = settings[i + 3] or '0' end
  local holders = values.leased > 0 and redis.call('ZRANGE', task_keys.queue('leased', queue), 0, limits.MAX_LEASED_SHOWN - 1) or {}
  for i, id in ipairs(holders) do
    local task = task_store.stored(id)
    values.holders[i] = task and task.worker or ''
  end
  local rates = {}
  for _, name in ipairs(queue_fields.RATES) do
    for _, at in ipairs({ minute - 1, minute }) do rates[#rates + 1] = finish_call.rate_key(queue, name, at) end
  end
  for i, count in ipairs(redis.call('MGET', unpack(rates))) do values.minutes[i] = count or '0' end
  local reply = {}
  for i, name in ipairs(queue_fields.REPLY) do reply[i] = values[name] end
  return reply, #holders
end

if call.queue then return { end_task.due_in('leased', call.queue, limits.MAX_TIDIED, now), (values_of(call.queue)) } end

local names, is_more = queue_names.page(call.page)
local reply, looked_up = { is_more and names[#names] or '' }, 0
for i, queue in ipairs(names) do
  local is_read, values, leased = pcall(values_of, queue)
  reply[i + 1] = { queue, is_read and values or nil }
  looked_up = looked_up + (is_read and leased or 0)
  -- Leased tasks are read one by one, so a page of queues with many of them ends early.
  if looked_up >= limits.MAX_LEASED_SHOWN and i < #names then
    reply[1] = queue
    break
  end
end
return reply
