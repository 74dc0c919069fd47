--[[
  end: acknowledges a task and claims the next one. Short form of a commit without other parts; most workers send only such commits.
  The ended task keeps its token as proof of the outcome, so nothing is stored under the once key.
  The request: id, token; claim? {see claim-tasks.lua}; key and fingerprint? of its once key
  Its text   the result, if there is one
  Its reply  see commit.lua
]]
local NOTHING = {}
perform['end'] = function(request)
  local id, token = request.id, request.token
  local task, why = end_task.leased_task(id, token)
  if why then
    local once = { { key = request.key, fingerprint = request.fingerprint or '' } }
    return claim_tasks.ended_by(id, token) or claim_tasks.replay_of({ once = once }) or { why, id }
  end
  create_task.expect_changeable(task)
  if request.claim then claim_tasks.expect_claim(request.claim) end
  full_server.need_no_memory()
  end_task.finish(task, request.texts > 0 and ARGV[request.first] or end_task.NO_RESULT, true)
  local claimed = request.claim and claim_tasks.claim(request.claim) or {}
  -- Stored with the task at the end of the call.
  if claimed[1] then task.lent, task.lent_token = claimed[1][1], claimed[1][2] end
  return { 'done', NOTHING, NOTHING, NOTHING, claimed }
end
