--[[
  move-queue: pauses or resumes a queue as in another store. Idempotent.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the plan, JSON made by the service: id, isPaused, onConflict, replaces?, isDryRun   see decideQueue in src/engine/moving/arrival.ts
  Returns  see Arrived in arrival.ts; or 'fenced': nothing was written
]]
local plan = cjson.decode(ARGV[4])
local settings = prefix .. key_names.queueSettings .. plan.id

local function arrival()
  if not redis.call('ZSCORE', prefix .. key_names.queues, plan.id) then return 'created' end
  local was_paused = redis.call('HGET', settings, 'paused') == '1'
  if was_paused == plan.isPaused then return 'same' end
  if plan.isPaused or plan.replaces == 'paused' then return 'updated' end
  return plan.onConflict == 'fail' and 'conflict' or 'kept'
end

local arrived = arrival()
if plan.isDryRun or (arrived ~= 'created' and arrived ~= 'updated') then return arrived end
if fence.refuses() then return 'fenced' end
own_keys.expect('hash', settings)
own_keys.expect('zset', queue_times.key)
redis.call('ZADD', prefix .. key_names.queues, 0, plan.id)
queue_times.sweep_by(plan.id, now)
redis.call('HSET', settings, 'paused', plan.isPaused and '1' or '0')
redis.call('HDEL', settings, 'idle')
redis.call('PUBLISH', prefix .. key_names.changes, 'queue ' .. plan.id)
return arrived
