--[[
  The first ready tasks of a queue, read once for all claims of a call: `heads` are their ids, of which the first `taken` are claimed.
  The claimed ones are removed from the set together: before the next access to it (ready_key), or at the end of the call.
]]
local heads = {}
-- A function that is called first, with the queue; see finish-call.lua.
local before_flush = {}
local function flush_ready(queue)
  local seen = heads[queue]
  if not seen then return end
  heads[queue] = nil
  if seen.taken == 0 then return end
  before_flush[1](queue)
  redis.call('ZREMRANGEBYRANK', task_keys.queue('ready', queue), 0, seen.taken - 1)
end

local function ready_key(queue)
  flush_ready(queue)
  return task_keys.queue('ready', queue)
end

-- Number of tasks of a queue to read: as many as all requests of the call claim. Only `least` if a request may add to a queue, since that changes the
-- heads.
local can_read_ahead
local function wanted_from(queue, least)
  local requests = call.requests or {}
  if can_read_ahead == nil then
    can_read_ahead = true
    for _, request in ipairs(requests) do
      if request.enqueue or request.cancelTasksOf or request.step then can_read_ahead = false end
    end
  end
  if not can_read_ahead then return least end
  local count = 0
  for _, request in ipairs(requests) do
    local claim = request.claim
    if claim and claim.queue == queue then count = count + #claim.tokens end
  end
  return math.max(count, least)
end

local MAX_PAYLOAD_READ_AHEAD = 4096
local function look(queue, count)
  flush_ready(queue)
  local seen = { taken = 0, ids = redis.call('ZRANGE', task_keys.queue('ready', queue), 0, count - 1) }
  heads[queue] = seen
  if #seen.ids > 1 then
    task_store.read(seen.ids)
    -- Large payloads are read one by one, since MGET would copy them once more, and only if they fit the answer.
    local small = {}
    for _, id in ipairs(seen.ids) do
      if task_store.payload_bytes(id) <= MAX_PAYLOAD_READ_AHEAD then small[#small + 1] = id end
    end
    task_store.read_payloads(small)
  end
  return seen
end

-- The id of the first ready task, or nil without any. `wanted`: maximum number that the caller takes.
local function first(queue, wanted)
  local seen = heads[queue]
  if not seen or seen.taken == #seen.ids then seen = look(queue, wanted_from(queue, wanted)) end
  return seen.ids[seen.taken + 1]
end

-- Takes the task that `first` has returned.
local function take(queue) heads[queue].taken = heads[queue].taken + 1 end

local function is_any_ready(queue)
  local seen = heads[queue]
  return seen and seen.taken < #seen.ids or redis.call('ZCARD', ready_key(queue)) > 0
end

return { heads = heads, before_flush = before_flush, flush = flush_ready, ready_key = ready_key, first = first, take = take, is_any_ready = is_any_ready }
