--[[
  move-board: writes a board of another store, in place of a board that was moved before. Idempotent.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the plan, JSON made by the service: id, counts and notices as lists of name and number, entries (how many), stamp, replaces?, isDryRun
           see decideBoard in src/engine/moving/arrival.ts
  ARGV[5+] texts of the notices, then of the entries, newest first
  Returns  see Arrived in arrival.ts; or 'fenced': nothing was written
]]
local plan = cjson.decode(ARGV[4])
local counts, notices, ends, entries =
  board.key('counts', plan.id), board.key('notices', plan.id), board.key('ends', plan.id), board.key('entries', plan.id)

-- Byte order, as in Redis: < of Lua follows the server's locale.
local function is_before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- Same result as boardStamp in src/engine/moving/stamp.ts; nil for a board that was never written.
local function current_stamp()
  local lines, live = {}, {}
  local counted = redis.call('HGETALL', counts)
  for i = 1, #counted, 2 do lines[#lines + 1] = 'count ' .. counted[i] .. ' ' .. counted[i + 1] end
  table.sort(lines, is_before)
  local noticed = redis.call('ZRANGEBYSCORE', ends, '(' .. whole(now), '+inf', 'WITHSCORES')
  for i = 1, #noticed, 2 do
    live[#live + 1] = 'notice ' .. noticed[i] .. ' ' .. whole(tonumber(noticed[i + 1])) .. ' ' .. redis.call('HGET', notices, noticed[i])
  end
  table.sort(live, is_before)
  for _, line in ipairs(live) do lines[#lines + 1] = line end
  for _, entry in ipairs(redis.call('LRANGE', entries, 0, -1)) do lines[#lines + 1] = 'entry ' .. entry end
  return #lines > 0 and redis.sha1hex(table.concat(lines, '\n')) or nil
end

local stamp = current_stamp()
local arrived = 'kept'
if not stamp then arrived = 'created'
elseif stamp == plan.stamp then arrived = 'same'
elseif stamp == plan.replaces then arrived = 'updated' end
if plan.isDryRun or (arrived ~= 'created' and arrived ~= 'updated') then return arrived end

if fence.refuses() then return 'fenced' end
board.expect(plan.id)
redis.call('ZADD', prefix .. key_names.boards, 0, plan.id)
redis.call('DEL', counts, notices, ends, entries)
for _, count in ipairs(plan.counts) do redis.call('HSET', counts, count[1], whole(count[2])) end
local at = 5
for _, notice in ipairs(plan.notices) do
  redis.call('HSET', notices, notice[1], ARGV[at])
  redis.call('ZADD', ends, whole(notice[2]), notice[1])
  at = at + 1
end
for i = 0, plan.entries - 1 do redis.call('RPUSH', entries, ARGV[at + i]) end
feeding.hint('board ' .. plan.id)
feeding.tell()
return arrived
