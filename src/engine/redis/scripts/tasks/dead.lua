--[[
  dead: replays or purges dead tasks.
  The request: see call.lua and tasks.lua; dead {action 'replay' or 'purge', queue, ids? or max, resetAttempts?, spreadMs?}
  Its reply  {'done', {id…}}   {'replayed', kept}   {'mismatch'}
]]
perform.dead = function(asked)
  local request = asked.dead
  local known = once_keys.happened(asked)
  if known then return known end
  local ids = {}
  if request.max then
    -- With max 0 the range would end at -1, which means all.
    if request.max > 0 then ids = redis.call('ZRANGE', task_keys.queue('dead', request.queue), 0, request.max - 1) end
  else
    local seen = {}
    for _, id in ipairs(request.ids) do
      if not seen[id] and redis.call('ZSCORE', task_keys.queue('dead', request.queue), id) then ids[#ids + 1] = id end
      seen[id] = true
    end
  end

  task_keys.expect_queue(request.queue)
  for _, id in ipairs(ids) do
    local task = task_store.load(id)
    if task then create_task.expect_changeable(task) end
    if request.action == 'replay' then own_keys.expect('stream', task_keys.progress(id)) end
  end
  full_server.need_no_memory()
  -- Tasks past retention are left to the sweep.
  local kept = {}
  for _, id in ipairs(ids) do
    if task_store.load(id) and end_task.member('dead', request.queue, id) then kept[#kept + 1] = id end
  end
  ids = kept
  for i, id in ipairs(ids) do
    local task = task_store.load(id)
    if request.action == 'purge' then
      redis.call('ZREM', task_keys.queue('dead', request.queue), id)
      create_task.remove(id)
    else
      redis.call('UNLINK', task_keys.progress(id))
      local due = now + math.floor(request.spreadMs * (i - 1) / #ids)
      local more = {
        attempt = request.resetAttempts and 0 or math.min(task.attempt, task.max_attempts - 1), releases = 0, replays = task.replays + 1,
        reason = false, ended = false, kept_until = false, expires = math.max(task.expires, due + task.expires - task.created),
      }
      if due > now then task_places.change(task, task_places.with({ status = 'delayed', due = due }, more), 'task.replayed')
      else end_task.make_ready(task, more, 'task.replayed') end
    end
  end
  once_keys.keep(asked.once[1], { ids = ids })
  return { 'done', ids }
end
