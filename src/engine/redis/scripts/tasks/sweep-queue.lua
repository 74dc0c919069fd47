--[[
  sweep-queue: readies due tasks, ends expired leases and tasks, removes old dead ones. Idempotent.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: see tasks.lua; queue, limit
  Returns  {'1' if there may be more or '0', time at which something is due next or ''}
]]
local queue, limit = call.queue, call.limit
local too_many, overdue, next_due = 0, 0, math.huge

-- Removes a dead task with everything that belongs to it.
local function remove(id)
  local task = task_store.stored(id)
  if task and not end_task.belongs(task, 'dead', queue) then end_task.put_right(task) else create_task.remove(id) end
  -- Last, so that the next sweep finds a task that is only removed in part.
  redis.call('ZREM', task_keys.queue('dead', queue), id)
end

if not own_keys.is_marked() then return { '0', '' } end
task_keys.expect_queue(queue)
own_keys.expect('stream', prefix .. key_names.events)
local function sweep()
  writing.need_no_memory()
  end_task.tidy(queue)
  local expired = end_task.each_due('expiring', queue, limit, now, function(task) end_task.die(task, 'EXPIRED') end)
  overdue, next_due = end_task.end_overdue_heads(queue, limit)
  overdue = overdue + expired
  for _, id in ipairs(end_task.due_in('dead', queue, limit, now - call.limits.deadMs)) do remove(id) end
  too_many = math.min(redis.call('ZCARD', task_keys.queue('dead', queue)) - call.limits.maxDead, limit)
  if too_many > 0 then
    for _, id in ipairs(redis.call('ZRANGE', task_keys.queue('dead', queue), 0, too_many - 1)) do remove(id) end
  end
end
-- Changes made before an error are written too.
local is_done, why = pcall(sweep)
finish_call.finish()
if not is_done then error(why) end

local function consider(kind, later)
  local score = tonumber(redis.call('ZRANGE', task_keys.queue(kind, queue), 0, 0, 'WITHSCORES')[2])
  if score then next_due = math.min(next_due, score + later) end
end
consider('delayed', 0)
consider('leased', 0)
consider('expiring', 0)
consider('dead', call.limits.deadMs)
return { (math.max(too_many, overdue) >= limit or next_due <= now) and '1' or '0', next_due < math.huge and whole(clock.sweep_time(next_due)) or '' }
