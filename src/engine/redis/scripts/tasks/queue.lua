--[[
  queue: depth, totals, rates and workers of a queue.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: queue
  Returns  the values named in src/engine/records/queue-fields.ts; a missing time is ''
           minutes: for each rate, the counts of the last minute and of this one
           workers: names and times in turn; holders: the worker of each leased task
]]
local queue = call.queue
local settings = task_keys.queue('settings', queue)
local function first(kind) return redis.call('ZRANGE', task_keys.queue(kind, queue), 0, 0, 'WITHSCORES') end
local oldest = first('ready')[1]
local oldest_task = oldest and task_store.stored(oldest)
local values = {
  isPaused = redis.call('HGET', settings, 'paused') or '0', totals = {}, minutes = {}, holders = {}, nowMs = whole(now),
  oldestReadyAtMs = oldest_task and whole(oldest_task.ready) or '', nextDueAtMs = first('delayed')[2] or '', nextLeaseEndsAtMs = first('leased')[2] or '',
  workers = redis.call('ZRANGEBYSCORE', task_keys.queue('workers', queue), '(' .. whole(now - limits.WORKER_SHOWN_MS), '+inf', 'WITHSCORES'),
}
for _, kind in ipairs({ 'ready', 'delayed', 'leased', 'dead' }) do values[kind] = redis.call('ZCARD', task_keys.queue(kind, queue)) end
for i, name in ipairs(queue_fields.TOTALS) do values.totals[i] = redis.call('HGET', settings, 'total:' .. name) or '0' end
for i, id in ipairs(redis.call('ZRANGE', task_keys.queue('leased', queue), 0, limits.MAX_LEASED_SHOWN - 1)) do
  local task = task_store.stored(id)
  values.holders[i] = task and task.worker or ''
end
local minute = math.floor(now / limits.MINUTE_MS)
for _, name in ipairs(queue_fields.RATES) do
  for _, at in ipairs({ minute - 1, minute }) do
    values.minutes[#values.minutes + 1] = redis.call('GET', finish_call.rate_key(queue, name, at)) or '0'
  end
end
local reply = {}
for i, name in ipairs(queue_fields.REPLY) do reply[i] = values[name] end
return reply
