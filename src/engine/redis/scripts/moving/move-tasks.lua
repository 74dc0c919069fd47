--[[
  move-tasks: stamps of tasks, or tasks with everything that belongs to them.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: see tasks.lua; ids, whole (with everything)
  Returns  for each id false if it is absent, '\n' if another program has damaged it, or {stamp, bytes}, or
           {fields, headers and payload or '', result or false, {failure…}, {progress event…}, the other fields}
]]
local function stamp_of(id, task)
  local bytes = redis.call('STRLEN', task_keys.payload(id)) + redis.call('STRLEN', task_keys.result(id))
  if task.progress > 0 then bytes = bytes + limits.MAX_PROGRESS_EVENT_BYTES * redis.call('XLEN', task_keys.progress(id)) end
  return { task_fields.stamp(task), whole(bytes) }
end

local function whole_of(id, task)
  local is_over = task.ended and task.ended + call.limits.progressMs <= now
  local payload = task_store.payload_of(id)
  -- No payload of ours is empty.
  if payload == '' then return '\n' end
  return { task_fields.shown(task), payload or '', end_task.result_of(task), redis.call('LRANGE', task_keys.failures(id), 0, -1),
    (is_over or task.progress == 0) and {} or redis.call('XRANGE', task_keys.progress(id), '-', '+'), task_fields.inside(task) }
end

local reply = {}
for i, id in ipairs(call.ids) do
  local task = task_store.load(id)
  if task and call.whole then reply[i] = whole_of(id, task)
  elseif task then
    local is_read, stamp = pcall(stamp_of, id, task)
    reply[i] = is_read and stamp or '\n'
  else
    -- A task past retention is stored still.
    reply[i] = not task_store.stored(id) and redis.call('EXISTS', task_keys.task(id)) == 1 and '\n' or false
  end
end
return reply
