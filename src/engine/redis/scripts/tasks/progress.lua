--[[
  progress: progress events of a task.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: see tasks.lua; id, after, limit
  Returns  nil without a task, else {'1' if it has ended or '0', oldest number or '', {entry…}}
]]
local task = task_store.load(call.id)
if not task then return nil end
local key = task_keys.progress(call.id)
local is_over = not tasks.is_open(task)
if is_over and task.ended + call.limits.progressMs <= now then return { '1', '', {} } end
local oldest = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
local events = call.limit > 0 and redis.call('XRANGE', key, whole(call.after + 1) .. '-0', '+', 'COUNT', call.limit) or {}
return { is_over and '1' or '0', oldest and string.match(oldest[1], '^%d+') or '', events }
