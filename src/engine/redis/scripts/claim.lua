--[[
  claim: leases the first tasks of a queue.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the plan: see once.lua and tasks.lua; claim {queue, worker, leaseMs?, tokens}
  Returns  {'done', claimed, next due in or '', '1' when paused}   {'fenced'}
]]
local request = plan.claim
local known = happened()
if known and known[1] ~= 'replayed' then return known end
local claimed = known and again(cjson.decode(known[2]).lent or {}) or {}
if #claimed == 0 then
  need_no_memory()
  claimed = claim(request)
  local ends = now
  for _, one in ipairs(claimed) do
    for i = 1, #one[1], 2 do
      if one[1][i] == 'lease_ends' then ends = math.max(ends, tonumber(one[1][i + 1])) end
    end
  end
  if ends > now then
    keep({ key = plan.once[1].key, fingerprint = plan.once[1].fingerprint, keepMs = ends - now }, { lent = lent_of(claimed) })
  end
end
return { 'done', claimed, next_due_in(request.queue), redis.call('HGET', queue_key('settings', request.queue), 'paused') or '0' }
