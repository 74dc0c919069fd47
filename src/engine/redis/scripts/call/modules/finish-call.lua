--[[
  Counters, leases and hints of a call: collected, and written once at its end.
]]
local function rate_key(queue, total, minute) return task_keys.queue('rate', queue) .. ':' .. total .. ':' .. whole(minute) end

-- Of all time, and of this minute for those that have a rate. Written at the end, once for all that one call did.
local RATES = { enqueued = true, completed = true }
local tallies = {}
local function tally(queue, total)
  local counts = tallies[queue] or {}
  tallies[queue] = counts
  counts[total] = (counts[total] or 0) + 1
end

--[[
  What a call of many requests does to the leased tasks of a queue is written once for all of them: by settle_leased before somebody looks at the
  leased ones, and by finish_call at the end.
]]
local leased_changes = {}
local function settle_leased(queue)
  local changes = leased_changes[queue]
  if not changes then return end
  leased_changes[queue] = nil
  local added, removed = {}, {}
  for id, ends in pairs(changes.ends) do
    if ends then
      added[#added + 1] = whole(ends)
      added[#added + 1] = id
    else
      removed[#removed + 1] = id
    end
  end
  if #added > 0 then redis.call('ZADD', task_keys.queue('leased', queue), unpack(added)) end
  if #removed > 0 then redis.call('ZREM', task_keys.queue('leased', queue), unpack(removed)) end
end

-- `ends`: of the lease; false when it is over.
local function note_leased(queue, id, ends)
  local changes = leased_changes[queue]
  if not changes then
    changes = { count = 0, ends = {} }
    leased_changes[queue] = changes
  end
  changes.ends[id] = ends
  changes.count = changes.count + 1
  if changes.count == task_store.AT_ONCE then settle_leased(queue) end
end

local function write_tallies(queue, counts)
  for total, count in pairs(counts) do
    redis.call('HINCRBY', task_keys.queue('settings', queue), 'total:' .. total, count)
    if RATES[total] then
      local key = rate_key(queue, total, math.floor(now / limits.MINUTE_MS))
      redis.call('INCRBY', key, count)
      redis.call('PEXPIREAT', key, whole(now + 3 * limits.MINUTE_MS))
    end
  end
end

-- A queue whose keys are not what they should be must not take the others along, so whatever can be written is, before anything is said of it.
local function finish_call()
  local is_fine, why = true, nil
  local function try(...)
    local is_done, said = pcall(...)
    if is_fine and not is_done then is_fine, why = false, said end
  end
  try(task_store.write)
  for queue in pairs(task_heads.heads) do try(task_heads.settle, queue) end
  for queue in pairs(leased_changes) do try(settle_leased, queue) end
  for queue, counts in pairs(tallies) do try(write_tallies, queue, counts) end
  try(writing.tell)
  if not is_fine then error(why) end
end

return { rate_key = rate_key, tally = tally, settle_leased = settle_leased, note_leased = note_leased, finish = finish_call }
