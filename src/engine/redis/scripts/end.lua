--[[
  end: ends a task under its lease, and claims the next one for the same worker. It is the commit of most workers, and has no other part. What came of it
  is proven by the task itself for as long as that is kept, so nothing is kept under the once key.
  The request: id, token; claim? {see task-claims.lua}; key, fingerprint: of its once key
  Its text   the result
  Its reply  as that of a commit, see commit.lua
]]
perform['end'] = function(request)
  local id, token = request.id, request.token
  local task, why = leased_task(id, token)
  if why then return ended_by(id, token) or replay_of({ once = { { key = request.key, fingerprint = request.fingerprint } } }) or { why, 'ack', 0 } end
  need_no_memory()
  finish(task, ARGV[request.first], true)
  local claimed = request.claim and claim(request.claim) or {}
  task.lent = lent_of(claimed)[1]
  return { 'done', {}, {}, {}, claimed }
end
