--[[
  The first tasks of a queue. The claims of a call look at them together: `heads` are those tasks, of which the first `taken` are taken. Those leave the
  set of ready tasks together too, when somebody else looks into it or changes it, or the call ends.
]]
local heads = {}
local function settle_ready(queue)
  local seen = heads[queue]
  if not seen then return end
  heads[queue] = nil
  if seen.taken > 0 then redis.call('ZREMRANGEBYRANK', task_keys.queue('ready', queue), 0, seen.taken - 1) end
end

local function ready_key(queue)
  settle_ready(queue)
  return task_keys.queue('ready', queue)
end

-- How many tasks of a queue the requests of this call would like to have. Only as many as the one that asks where another may put tasks into queues:
-- after each of those the heads would have to be looked at again.
local looks_ahead
local function wanted_from(queue, least)
  local requests = call.requests or {}
  if looks_ahead == nil then
    looks_ahead = true
    for _, request in ipairs(requests) do
      if request.enqueue or request.cancelTasksOf or request.step then looks_ahead = false end
    end
  end
  if not looks_ahead then return least end
  local count = 0
  for _, request in ipairs(requests) do
    local claim = request.claim
    if claim and claim.queue == queue then count = count + #claim.tokens end
  end
  return math.max(count, least)
end

local SMALL_PAYLOAD = 4096
local function look(queue, count)
  settle_ready(queue)
  local seen = { taken = 0, ids = redis.call('ZRANGE', task_keys.queue('ready', queue), 0, count - 1) }
  heads[queue] = seen
  if #seen.ids > 1 then
    task_store.read(seen.ids)
    -- The payloads of a queue are mostly alike. Large ones are better read one by one: together they would be copied too often.
    local payload = task_store.payload_of(seen.ids[1])
    if payload and #payload <= SMALL_PAYLOAD then task_store.read_payloads(seen.ids) end
  end
  return seen
end

-- The id of the first of the ready tasks, which is ready no longer; nil when there is none. `wanted`: how many the caller may take.
local function take_first(queue, wanted)
  local seen = heads[queue]
  if not seen or seen.taken == #seen.ids then seen = look(queue, wanted_from(queue, wanted)) end
  if #seen.ids == 0 then return nil end
  seen.taken = seen.taken + 1
  return seen.ids[seen.taken]
end

local function is_any_ready(queue)
  local seen = heads[queue]
  return seen and seen.taken < #seen.ids or redis.call('ZCARD', ready_key(queue)) > 0
end

return { heads = heads, settle = settle_ready, ready_key = ready_key, take_first = take_first, is_any_ready = is_any_ready }
