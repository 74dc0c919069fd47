--[[
  Counters, leases and hints of a call: buffered, and flushed once at its end.
]]
local function rate_key(queue, total, minute) return task_keys.queue('rate', queue) .. ':' .. total .. ':' .. whole(minute) end

-- Increments of totals, by queue.
local tallies = {}
local function tally(queue, total)
  local counts = tallies[queue] or {}
  tallies[queue] = counts
  counts[total] = (counts[total] or 0) + 1
end

-- Buffered changes to the sets of leased tasks. Readers of such a set call flush_leased first; finish_call flushes the rest.
local leased_changes = {}
local function flush_leased(queue)
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

-- A claimed task is among the leased ones before it leaves the ready ones: it is never in no set.
task_heads.before_flush[1] = flush_leased

-- `ends`: end of the lease; false if the task is no longer leased.
local function note_leased(queue, id, ends)
  local changes = leased_changes[queue]
  if not changes then
    changes = { count = 0, ends = {} }
    leased_changes[queue] = changes
  end
  changes.ends[id] = ends
  changes.count = changes.count + 1
  if changes.count == task_store.MAX_PER_COMMAND then flush_leased(queue) end
end

local function write_tallies(queue, counts)
  for total, count in pairs(counts) do
    redis.call('HINCRBY', task_keys.queue('settings', queue), 'total:' .. total, count)
  end
  for _, total in ipairs(queue_fields.RATES) do
    if counts[total] then
      local key = rate_key(queue, total, math.floor(now / limits.MINUTE_MS))
      redis.call('INCRBY', key, counts[total])
      redis.call('PEXPIREAT', key, whole(now + 3 * limits.MINUTE_MS))
    end
  end
end

-- Workflows whose sets of tasks have changed, with the number of open tasks before.
local open_before = {}
local function note_tasks_of(id) open_before[id] = open_before[id] or workflow_store.open_tasks_of(id) end

-- The set of a held workflow never expires; ended tasks stay in a set for a while.
local function write_tasks_of(id, before)
  local key = workflow_names.tasks_key(id)
  if workflow_store.open_tasks_of(id) > 0 then
    if before == 0 then redis.call('PERSIST', key) end
    return
  end
  local kept = math.max(call.limits.resultMs, call.limits.deadMs, limits.MAX_DEDUPE_MS)
  redis.call('ZREMRANGEBYSCORE', key, '(0', '(' .. whole(now - kept))
  redis.call('PEXPIREAT', key, whole(now + kept))
end

-- Damaged data of one queue must not affect other queues: everything else is written before the error is raised.
local function finish_call()
  local is_fine, why = true, nil
  local function try(...)
    local is_done, said = pcall(...)
    if is_fine and not is_done then is_fine, why = false, said end
    return is_done
  end
  -- A task that was claimed but not saved stays among the ready ones.
  if try(task_store.write) then
    for queue in pairs(task_heads.heads) do try(task_heads.flush, queue) end
  end
  for queue in pairs(leased_changes) do try(flush_leased, queue) end
  for queue, counts in pairs(tallies) do try(write_tallies, queue, counts) end
  for queue in pairs(queue_settings.changes) do try(queue_settings.flush, queue) end
  for id, before in pairs(open_before) do try(write_tasks_of, id, before) end
  try(workflow_store.write)
  try(feeding.tell)
  if not is_fine then error(why) end
end

return { rate_key = rate_key, tally = tally, flush_leased = flush_leased, note_leased = note_leased, note_tasks_of = note_tasks_of, finish = finish_call }
