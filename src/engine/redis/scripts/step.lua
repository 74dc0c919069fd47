--[[
  step: what happens to one task outside of a commit.
  The request: see once.lua and tasks.lua; step {kind, id, token?, leaseMs?, code?, isRetryable?, retryAfterMs?, jitter?, reason?, isForced?};
  its text is the event of a progress, the failure of a fail
  Its reply  {'done', task, event id or ''}   {'replayed', kept}
             {'lost' | 'cancelled' | 'unknown'}   {'ended', status}   nothing written   {'mismatch'}
]]
perform.step = function(request)
  local step, text = request.step, ARGV[request.first]
  local known = happened(request)
  if known then return known end
  local task, why
  if step.kind == 'cancel' then
    task = load_task(step.id)
    if not task then return { 'unknown' } end
    if not is_open(task) then return { 'ended', task.status } end
  else
    task, why = leased_task(step.id, step.token)
    if why then return { why } end
  end

  need_no_memory()
  local event = ''
  if step.kind == 'extend' then extend(task, step.leaseMs)
  elseif step.kind == 'progress' then event = add_progress(task, text)
  elseif step.kind == 'release' then release(task)
  elseif step.kind == 'fail' then fail(task, step.code, step.isRetryable, step.retryAfterMs, step.jitter, text)
  elseif task.status ~= 'leased' or step.isForced then cancel_task(task, step.reason)
  else change_task(task, { cancel = true, reason = step.reason or false }, 'task.cancel-requested') end

  local fields = fields_of(task)
  keep(request.once[1], { task = fields, event = event })
  return { 'done', fields, event }
end
