--[[
  step: extends, releases, fails or cancels a task, or adds a progress event.
  The request: see call.lua and tasks.lua; step {kind, id, token?, redeliveries?, leaseMs?, code?, isRetryable?, retryAfterMs?, jitter?, reason?, isForced?}
  Its text   the event of a progress, the error of a fail
  Its reply  {'done', task, event id or ''}   {'replayed', kept}
             {'lost' | 'cancelled' | 'unknown'}   {'ended', status}   nothing written   {'mismatch'}
]]
perform.step = function(request)
  local step, text = request.step, ARGV[request.first]
  local known = once_keys.happened(request)
  if known then return known end
  local task, why
  if step.kind == 'cancel' then
    task = task_store.load(step.id)
    if not task then return { 'unknown' } end
    if not tasks.is_open(task) then return { 'ended', task.status } end
  else
    task, why = end_task.leased_task(step.id, step.token)
    if why then return { why } end
    if step.redeliveries and step.redeliveries ~= task.redeliveries then return { 'lost' } end
  end

  create_task.expect_changeable(task)
  if step.kind == 'fail' then own_keys.expect('list', task_keys.failures(step.id)) end
  if step.kind == 'progress' then own_keys.expect('stream', task_keys.progress(step.id)) end
  full_server.need_no_memory()
  local event = ''
  if step.kind == 'extend' then step_task.extend(task, step.leaseMs)
  elseif step.kind == 'progress' then event = step_task.add_progress(task, text)
  elseif step.kind == 'release' then step_task.release(task)
  elseif step.kind == 'fail' then step_task.fail(task, step.code, step.isRetryable, step.retryAfterMs, step.jitter, text)
  elseif task.status ~= 'leased' or step.isForced then end_task.cancel(task, step.reason)
  else task_places.change(task, { cancel = true, reason = step.reason or false }, 'task.cancel-requested') end

  local fields = task_fields.shown(task)
  once_keys.keep(request.once[1], { task = fields, event = event })
  return { 'done', fields, event }
end
