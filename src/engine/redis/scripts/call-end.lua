--[[
  Common to the scripts that know tasks: what is written once for all the requests of a call; behind tasks.lua.
]]
local MINUTE_MS = 60000
local function rate_key(queue, total, minute) return queue_key('rate', queue) .. ':' .. total .. ':' .. whole(minute) end

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
  if #added > 0 then redis.call('ZADD', queue_key('leased', queue), unpack(added)) end
  if #removed > 0 then redis.call('ZREM', queue_key('leased', queue), unpack(removed)) end
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
  if changes.count == AT_ONCE then settle_leased(queue) end
end

--[[
  The claims of a call take their tasks out of a queue together. `popped` are those that nobody has got yet, as ids and scores in turn from `at` on;
  who looks into the set of ready tasks, or changes it, has them put back first, and so does the end of the call.
]]
local popped = {}
local function put_back(queue)
  local heads = popped[queue]
  if not heads then return end
  popped[queue] = nil
  local scores = {}
  for i = heads.at, #heads.list, 2 do
    scores[#scores + 1] = heads.list[i + 1]
    scores[#scores + 1] = heads.list[i]
  end
  if #scores > 0 then redis.call('ZADD', queue_key('ready', queue), unpack(scores)) end
end

local function ready_key(queue)
  put_back(queue)
  return queue_key('ready', queue)
end

-- Nothing is popped for the others when a request of the call may put tasks into queues: it would have to be put back before each.
local pops_ahead
local function wanted_from(queue, least)
  if pops_ahead == nil then
    pops_ahead = call.requests ~= nil
    for _, request in ipairs(call.requests or {}) do
      if not request.claim or request.enqueue or request.cancelTasksOf then pops_ahead = false end
    end
  end
  if not pops_ahead then return least end
  local count = 0
  for _, request in ipairs(call.requests) do
    if request.claim.queue == queue then count = count + #request.claim.tokens end
  end
  return count
end

-- The id of the first of the ready tasks, which stands in the queue no longer; nil when there is none.
local function pop(queue, wanted)
  local heads = popped[queue]
  if not heads or heads.at > #heads.list then
    local count = wanted_from(queue, wanted)
    heads = { at = 1, list = redis.call('ZPOPMIN', queue_key('ready', queue), count) }
    popped[queue] = heads
    if count > 1 then
      local ids = {}
      for i = 1, #heads.list, 2 do ids[#ids + 1] = heads.list[i] end
      if #ids > 0 then
        read_tasks(ids)
        read_payloads(ids)
      end
    end
  end
  local id = heads.list[heads.at]
  heads.at = heads.at + 2
  return id
end

local function is_any_ready(queue)
  local heads = popped[queue]
  return heads and heads.at <= #heads.list or redis.call('ZCARD', queue_key('ready', queue)) > 0
end

local function finish_call()
  write_tasks()
  for queue in pairs(popped) do put_back(queue) end
  for queue in pairs(leased_changes) do settle_leased(queue) end
  for queue, counts in pairs(tallies) do
    for total, count in pairs(counts) do
      redis.call('HINCRBY', queue_key('settings', queue), 'total:' .. total, count)
      if RATES[total] then
        local key = rate_key(queue, total, math.floor(now / MINUTE_MS))
        redis.call('INCRBY', key, count)
        redis.call('PEXPIREAT', key, whole(now + 3 * MINUTE_MS))
      end
    end
  end
end
