--[[
  end: ends a task under its lease, and claims the next one for the same worker. It is the commit of most workers, and has no other part. What came of it
  is proven by the task itself for as long as that is kept, so nothing is kept under the once key.
  The request: id, token; claim? {see task-claims.lua}; key, fingerprint (absent for none): of its once key
  Its text   the result, if there is one
  Its reply  as that of a commit, see commit.lua
]]
local NOTHING = {}
perform['end'] = function(request)
  local id, token = request.id, request.token
  local task, why = task_ends.leased_task(id, token)
  if why then
    local once = { { key = request.key, fingerprint = request.fingerprint or '' } }
    return task_claims.ended_by(id, token) or task_claims.replay_of({ once = once }) or { why, id }
  end
  writing.need_no_memory()
  task_ends.finish(task, request.texts > 0 and ARGV[request.first] or task_ends.NO_RESULT, true)
  local claimed = request.claim and task_claims.claim(request.claim) or {}
  -- Kept with the task, which is written at the end of the call.
  if claimed[1] then task.lent, task.lent_token = claimed[1][1], claimed[1][2] end
  return { 'done', NOTHING, NOTHING, NOTHING, claimed }
end
