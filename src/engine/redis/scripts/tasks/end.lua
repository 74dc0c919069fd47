--[[
  end: ends a task under its lease, and claims the next one for the same worker. It is the commit of most workers, and has no other part. What came of it
  is proven by the task itself for as long as that is kept, so nothing is kept under the once key.
  The request: id, token; claim? {see claim-tasks.lua}; key, fingerprint (absent for none): of its once key
  Its text   the result, if there is one
  Its reply  as that of a commit, see commit.lua
]]
local NOTHING = {}
perform['end'] = function(request)
  local id, token = request.id, request.token
  local task, why = end_task.leased_task(id, token)
  if why then
    local once = { { key = request.key, fingerprint = request.fingerprint or '' } }
    return claim_tasks.ended_by(id, token) or claim_tasks.replay_of({ once = once }) or { why, id }
  end
  writing.need_no_memory()
  end_task.finish(task, request.texts > 0 and ARGV[request.first] or end_task.NO_RESULT, true)
  local claimed = request.claim and claim_tasks.claim(request.claim) or {}
  -- Kept with the task, which is written at the end of the call.
  if claimed[1] then task.lent, task.lent_token = claimed[1][1], claimed[1][2] end
  return { 'done', NOTHING, NOTHING, NOTHING, claimed }
end
