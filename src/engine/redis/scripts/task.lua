--[[
  task: tasks as they are now.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the plan: which, one of  ids [id] with details   dead {queue, limit}, newest first, with details   workflow {id, limit}, without
  Returns  for each task {fields, headers and payload or '', result or false, {failure…}}; false for one that is not there
]]
local which = plan.which
local function details(id)
  local task = load_task(id)
  if not task then return false end
  return { fields_of(task), redis.call('GET', payload_key(id)) or '', redis.call('GET', result_key(id)), redis.call('LRANGE', failures_key(id), 0, -1) }
end

local reply = {}
if which.ids then
  for i, id in ipairs(which.ids) do reply[i] = details(id) end
elseif which.dead then
  for i, id in ipairs(redis.call('ZREVRANGE', queue_key('dead', which.dead.queue), 0, which.dead.limit - 1)) do reply[i] = details(id) end
else
  local key = workflow_tasks_key(which.workflow.id)
  local ids = redis.call('ZRANGEBYSCORE', key, '-inf', '(0', 'LIMIT', 0, which.workflow.limit)
  for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', key, '+inf', whole(now - math.max(plan.limits.resultMs, plan.limits.deadMs)), 'LIMIT', 0, which.workflow.limit)) do ids[#ids + 1] = id end
  for i, id in ipairs(ids) do
    local task = load_task(id)
    -- The id may have been used again since, for a task of another workflow.
    reply[i] = task and task.workflow == which.workflow.id and { fields_of(task) } or false
  end
end
return reply
