--[[
  task: reads tasks by id, of a dead list or of a workflow.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: which, one of  ids [id] with details   dead {queue, limit}, newest first, with details, as many as fit limits.PAGE_BYTES   workflow {id, limit} without details
  Returns  {{id…} of tasks whose lease is over although nothing has ended it, tasks}
           tasks: for each {fields, headers and payload or '', result or false, {failure…}}; false for an absent one
]]
local which, over = call.which, {}
local function shown(task)
  if end_task.is_lease_over(task) then over[#over + 1] = task.id end
  return task_fields.shown(task)
end

local function details(id)
  local task = task_store.load(id)
  if not task then return false end
  return { shown(task), task_store.payload_of(id) or '', end_task.result_of(task), redis.call('LRANGE', task_keys.failures(id), 0, -1) }
end

local reply = {}
if which.ids then
  for i, id in ipairs(which.ids) do reply[i] = details(id) end
elseif which.dead then
  over = end_task.due_in('leased', which.dead.queue, limits.MAX_TIDIED, now)
  -- With limit 0 the range would end at -1, which means all.
  local ids = which.dead.limit > 0 and redis.call('ZREVRANGE', task_keys.queue('dead', which.dead.queue), 0, which.dead.limit - 1) or {}
  local bytes = 0
  for i, id in ipairs(ids) do
    bytes = bytes + task_store.payload_bytes(id)
    if i > 1 and bytes > limits.PAGE_BYTES then break end
    reply[i] = details(id)
  end
else
  local key = workflow_names.tasks_key(which.workflow.id)
  local function show(ids)
    for _, id in ipairs(ids) do
      local task = task_store.load(id)
      -- The id may now belong to a task of another workflow.
      if task and task.workflow == which.workflow.id then reply[#reply + 1] = { shown(task) }
      else redis.call('ZREM', key, id) end
    end
  end
  show(redis.call('ZRANGEBYSCORE', key, '-inf', '(0', 'LIMIT', 0, which.workflow.limit))
  -- Tasks past retention are removed from the set, so that the next round does not find them again.
  local rounds = 0
  while #reply < which.workflow.limit and rounds < 20 do
    rounds = rounds + 1
    local seen = #reply - redis.call('ZCOUNT', key, '-inf', '(0')
    local ids = redis.call('ZREVRANGEBYSCORE', key, '+inf', '0', 'LIMIT', math.max(0, seen), 100)
    if #ids == 0 then break end
    show(ids)
  end
end
return { over, reply }
