--[[
  queue-times: when each queue is swept next. Whatever makes a queue due earlier moves its time; the sweep sets it anew. Every queue has a time, except
  those of earlier versions, until the tenant is swept.
]]
local key = prefix .. key_names.queueTimes
-- Times that this call has read; false for a queue without one.
local times = {}

local function time_of(queue)
  if times[queue] == nil then times[queue] = tonumber(redis.call('ZSCORE', key, queue)) or false end
  return times[queue]
end

local function set(queue, time)
  redis.call('ZADD', key, whole(time), queue)
  times[queue] = time
end

-- The queue is swept at this time or earlier.
local function sweep_by(queue, time)
  local known = time_of(queue)
  if not known or known > time then set(queue, time) end
end

local function remove(queue)
  redis.call('ZREM', key, queue)
  times[queue] = false
end

return { key = key, of = time_of, set = set, sweep_by = sweep_by, remove = remove }
