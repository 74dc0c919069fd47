--[[
  claim: leases the first tasks of a queue.
  The request: see call.lua and tasks.lua; claim {queue, worker, leaseMs?, tokens, pace?}
  Its reply  {'done', claimed, next due in or '', '1' if paused}
]]
perform.claim = function(request)
  local wanted = request.claim
  local known = once_keys.happened(request)
  if known and known[1] ~= 'replayed' then return known end
  local claimed = known and claim_tasks.again(cjson.decode(known[2]).lent or {}) or {}
  if #claimed == 0 then
    claim_tasks.expect_claim(wanted)
    full_server.need_no_memory()
    local ends
    claimed, ends = claim_tasks.claim(wanted)
    if ends > now then
      local only = request.once[1]
      once_keys.keep({ key = only.key, fingerprint = only.fingerprint, keepMs = ends - now }, { lent = claim_tasks.lent_of(claimed) })
    end
  end
  return { 'done', claimed, claim_tasks.next_due_in(wanted.queue, wanted.pace), queue_settings.is_paused(wanted.queue) and '1' or '0' }
end
