--[[
  first-writes: the first writes of a request. One of them may find out that a key has another type. Then those before are taken back, and the request has
  changed nothing.
]]
-- Whether the current request may have written something.
local begun = false
local function has_begun() return begun end

-- By step: key, what was there before (the score in a set, false for no member, 'list' for a list, 'key' for no key), and the member. Most puts have at
-- most 8 steps: tables with 8 places need not grow, which would cost each put an allocation.
local is_trying, steps = false, 0
local keys_of_steps = { false, false, false, false, false, false, false, false }
local before_steps = { false, false, false, false, false, false, false, false }
local members_of_steps = { false, false, false, false, false, false, false, false }
local function try() begun, is_trying = true, true end
-- From here on nothing is taken back.
local function keep() is_trying, steps = false, 0 end
local function begin(value)
  begun = value
  keep()
end

local function refuse(failure, key)
  if is_trying then
    begun = false
    for i = steps, 1, -1 do
      local before = before_steps[i]
      if before == 'list' then redis.call('LPOP', keys_of_steps[i])
      elseif before == 'key' then redis.call('UNLINK', keys_of_steps[i])
      elseif before then redis.call('ZADD', keys_of_steps[i], whole(before), members_of_steps[i])
      else redis.call('ZREM', keys_of_steps[i], members_of_steps[i]) end
    end
    keep()
  end
  if string.find(failure.err, 'WRONGTYPE', 1, true) then own_keys.taken(key) end
  error(failure)
end

local function noted(reply, key, before, member)
  if type(reply) == 'table' and reply.err then refuse(reply, key) end
  if is_trying then
    steps = steps + 1
    keys_of_steps[steps], before_steps[steps], members_of_steps[steps] = key, before, member
  end
  return reply
end
local function push(key, entry) return noted(redis.pcall('LPUSH', key, entry), key, 'list') end
-- Whether the key was absent. One that is there is left alone.
local function create(key, value, ends)
  local reply = redis.pcall('SET', key, value, 'PXAT', ends, 'NX')
  return reply and noted(reply, key, 'key')
end
local function place(key, score, id, before) return noted(redis.pcall('ZADD', key, score, id), key, before, id) end
local function displace(key, id, before) return noted(redis.pcall('ZREM', key, id), key, before, id) end

return { has_begun = has_begun, begin = begin, try = try, keep = keep, refuse = refuse, create = create, push = push, place = place, displace = displace }
