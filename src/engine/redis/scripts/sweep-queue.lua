--[[
  sweep-queue: what time has done to a queue when nobody claims. Doing it twice does nothing.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: see tasks.lua; queue, most
  Returns  {'1' when there may be more, when something is due next or ''}
]]
local queue, most = call.queue, call.most
need_no_memory()
tidy(queue)
local overdue = each_due('expiring', queue, most, now, function(task) die(task, 'EXPIRED') end) + end_overdue_heads(queue, most)
local function remove(id)
  redis.call('ZREM', queue_key('dead', queue), id)
  remove_task(id)
end
for _, id in ipairs(due_in('dead', queue, most, now - call.limits.deadMs)) do remove(id) end
local too_many = math.min(redis.call('ZCARD', queue_key('dead', queue)) - call.limits.mostDead, most)
if too_many > 0 then
  for _, id in ipairs(redis.call('ZRANGE', queue_key('dead', queue), 0, too_many - 1)) do remove(id) end
end

local next
local function consider(kind, later)
  local score = tonumber(redis.call('ZRANGE', queue_key(kind, queue), 0, 0, 'WITHSCORES')[2])
  if score and (not next or score + later < next) then next = score + later end
end
finish_call()
consider('delayed', 0)
consider('leased', 0)
consider('expiring', 0)
consider('dead', call.limits.deadMs)
tell()
return { (math.max(too_many, overdue) >= most or (next and next <= now)) and '1' or '0', next and whole(next) or '' }
