--[[
  queue-settings: whether a queue is paused, and the bytes of its tasks: `bytes` of the open ones, `dead_bytes` of the dead ones. The changes of a call
  are added together, and are written at its end or by `flush`.
  A task has its size in its own field, so that its end needs no look at its payload. A task of an earlier version has none, and counts as 0 bytes.
]]
local SUMS = { ready = 'bytes', delayed = 'bytes', leased = 'bytes', dead = 'dead_bytes' }

-- Cached for the call, since no request of a call pauses a queue. The sums are those in Redis.
local known, changes = {}, {}
local function settings_of(queue)
  if not known[queue] then
    local read = redis.call('HMGET', task_keys.queue('settings', queue), 'paused', 'bytes', 'dead_bytes')
    known[queue] = { is_paused = read[1] == '1', bytes = tonumber(read[2]) or 0, dead_bytes = tonumber(read[3]) or 0 }
  end
  return known[queue]
end

local function is_paused(queue) return settings_of(queue).is_paused end

local function change_of(queue, sum) return changes[queue] and changes[queue][sum] or 0 end

-- A sum with the changes of this call. Never below 0, although a sum in Redis may be too low.
local function bytes_of(queue, sum) return math.max(0, settings_of(queue)[sum] + change_of(queue, sum)) end

local function add(queue, sum, bytes)
  changes[queue] = changes[queue] or {}
  changes[queue][sum] = change_of(queue, sum) + bytes
end

-- Counts a task that goes from one status to another; nil: the task begins, or is removed. An ended task loses its size with its payload.
local function count(task, from, to)
  local old, new = SUMS[from], SUMS[to]
  if old == new or not task.bytes then return end
  if old then add(task.queue, old, -task.bytes) end
  if new then add(task.queue, new, task.bytes) else task.bytes = nil end
end

local function flush(queue)
  local sums = changes[queue]
  changes[queue] = nil
  local key = task_keys.queue('settings', queue)
  for sum, change in pairs(sums or {}) do
    if change ~= 0 and redis.call('HINCRBY', key, sum, whole(change)) < 0 then redis.call('HSET', key, sum, 0) end
  end
  known[queue] = nil
end

-- Replaces a sum that is wrong. All changes were flushed before.
local function correct(queue, sum, bytes)
  redis.call('HSET', task_keys.queue('settings', queue), sum, whole(bytes))
  known[queue] = nil
end

return { is_paused = is_paused, bytes_of = bytes_of, count = count, changes = changes, flush = flush, correct = correct }
