--[[
  move-tasks: tasks by their stamps, or with everything that belongs to them.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: see tasks.lua; ids, whole (with everything)
  Returns  for each id false if it is not there, or {stamp, bytes}, or {fields, headers and payload or '', result or false, {failure…}, {progress event…}, fields of INSIDE}
]]
-- What is not known is taken to be large.
local LARGEST_EVENT = 16384
local reply = {}
for i, id in ipairs(call.ids) do
  local task = load_task(id)
  if not task then
    reply[i] = false
  elseif not call.whole then
    local bytes = redis.call('STRLEN', payload_key(id)) + redis.call('STRLEN', result_key(id))
    if task.progress then bytes = bytes + LARGEST_EVENT * redis.call('XLEN', progress_key(id)) end
    reply[i] = { task_stamp(task), whole(bytes) }
  else
    local is_over = task.ended and task.ended + call.limits.progressMs <= now
    reply[i] = { fields_of(task), payload_of(id) or '', result_of(task), redis.call('LRANGE', failures_key(id), 0, -1),
      (is_over or not task.progress) and {} or redis.call('XRANGE', progress_key(id), '-', '+'), texts_of(task, INSIDE) }
  end
end
return reply
