--[[
  move-tasks: stamps of tasks, or tasks with everything that belongs to them.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: see tasks.lua; ids, whole (with everything)
  Returns  for each id false if it is absent, or {stamp, bytes}, or
           {fields, headers and payload or '', result or false, {failure…}, {progress event…}, the other fields}
]]
local reply = {}
for i, id in ipairs(call.ids) do
  local task = task_store.load(id)
  if not task then
    reply[i] = false
  elseif not call.whole then
    local bytes = redis.call('STRLEN', task_keys.payload(id)) + redis.call('STRLEN', task_keys.result(id))
    if task.progress > 0 then bytes = bytes + limits.MAX_PROGRESS_EVENT_BYTES * redis.call('XLEN', task_keys.progress(id)) end
    reply[i] = { task_fields.stamp(task), whole(bytes) }
  else
    local is_over = task.ended and task.ended + call.limits.progressMs <= now
    reply[i] = { task_fields.shown(task), task_store.payload_of(id) or '', end_task.result_of(task), redis.call('LRANGE', task_keys.failures(id), 0, -1),
      (is_over or task.progress == 0) and {} or redis.call('XRANGE', task_keys.progress(id), '-', '+'), task_fields.inside(task) }
  end
end
return reply
