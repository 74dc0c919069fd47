--[[
  pause-queue: pauses or resumes a queue. Idempotent.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  name of the queue
  ARGV[5]  '1' to pause it, '0' to resume it
  Returns  OK, or 'fenced': nothing was written
]]
local queues, settings = prefix .. key_names.queues, prefix .. key_names.queueSettings .. ARGV[4]
if fence.refuses() then return 'fenced' end
own_keys.expect('zset', queues)
own_keys.expect('hash', settings)
own_keys.expect('zset', queue_times.key)
redis.call('ZADD', queues, 0, ARGV[4])
queue_times.sweep_by(ARGV[4], now)
redis.call('HSET', settings, 'paused', ARGV[5])
redis.call('HDEL', settings, 'idle')
redis.call('PUBLISH', prefix .. key_names.changes, 'queue ' .. ARGV[4])
return 'OK'
