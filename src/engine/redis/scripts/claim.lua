--[[
  claim: leases the first tasks of a queue.
  The request: see once.lua and tasks.lua; claim {queue, worker, leaseMs?, tokens}
  Its reply  {'done', claimed, next due in or '', '1' when paused}
]]
perform.claim = function(request)
  local wanted = request.claim
  local known = happened(request)
  if known and known[1] ~= 'replayed' then return known end
  local claimed = known and again(cjson.decode(known[2]).lent or {}) or {}
  if #claimed == 0 then
    need_no_memory()
    local ends
    claimed, ends = claim(wanted)
    if ends > now then
      local once = request.once[1]
      keep({ key = once.key, fingerprint = once.fingerprint, keepMs = ends - now }, { lent = lent_of(claimed) })
    end
  end
  return { 'done', claimed, next_due_in(wanted.queue), is_paused(wanted.queue) and '1' or '0' }
end
