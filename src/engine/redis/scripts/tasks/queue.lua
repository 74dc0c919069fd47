--[[
  queue: how a queue is doing.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: queue, totals [name], rates [name]
  Returns  {paused, ready, delayed, leased, dead, oldest ready, next due, next lease end, {total…},
            {worker, seen…}, {worker of each leased task…}, {of each rate: the minute before, this one}, time}
]]
local queue = call.queue
local settings = task_keys.queue('settings', queue)
local function count(kind) return redis.call('ZCARD', task_keys.queue(kind, queue)) end
local function first(kind) return redis.call('ZRANGE', task_keys.queue(kind, queue), 0, 0, 'WITHSCORES') end
local oldest = first('ready')[1]
local function ready_since(id)
  local task = task_store.stored(id)
  return task and whole(task.ready)
end
local totals, in_hand = {}, {}
for i, name in ipairs(call.totals) do totals[i] = redis.call('HGET', settings, 'total:' .. name) or '0' end
for i, id in ipairs(redis.call('ZRANGE', task_keys.queue('leased', queue), 0, limits.MAX_LEASED_SHOWN - 1)) do
  local task = task_store.stored(id)
  in_hand[i] = task and task.worker or ''
end
local lately, minute = {}, math.floor(now / limits.MINUTE_MS)
for i, name in ipairs(call.rates) do
  lately[2 * i - 1] = redis.call('GET', finish_call.rate_key(queue, name, minute - 1)) or '0'
  lately[2 * i] = redis.call('GET', finish_call.rate_key(queue, name, minute)) or '0'
end
return {
  redis.call('HGET', settings, 'paused') or '0', count('ready'), count('delayed'), count('leased'), count('dead'),
  oldest and ready_since(oldest) or '', first('delayed')[2] or '', first('leased')[2] or '', totals,
  redis.call('ZRANGEBYSCORE', task_keys.queue('workers', queue), '(' .. whole(now - limits.WORKER_SHOWN_MS), '+inf', 'WITHSCORES'), in_hand, lately, whole(now),
}
