--[[
  sweep: removes expired workflows with everything that belongs to them.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  maximum number of expired workflows
  ARGV[5+] further ids: their states were deleted by another program
  Returns  {number of expired workflows, next deadline or ''}
]]
local expired = 0
local function remove(id)
  writing.announce_end(id)
  writing.remove(id)
end

local function clear(id)
  local record = workflows.load(id)
  if not record then
    remove(id)
    return true
  end
  -- Another program has written a new value, which ends the workflow; or it has given the key a longer time to live.
  if record.kind == 'legacy' then
    writing.announce_end(id)
    writing.unindex(id)
  else
    writing.index_deadline(id, record.deadline)
  end
  return false
end

local due = redis.call('ZRANGEBYSCORE', workflows.index_key('deadline'), '-inf', whole(now), 'LIMIT', 0, tonumber(ARGV[4]))
-- Most sweeps find nothing and write nothing.
if #due > 0 or #ARGV > 4 then writing.need_no_memory() end
for _, id in ipairs(due) do
  if clear(id) then expired = expired + 1 end
end
for i = 5, #ARGV do
  if not workflows.load(ARGV[i]) then remove(ARGV[i]) end
end
writing.tell()
local next_due = redis.call('ZRANGE', workflows.index_key('deadline'), 0, 0, 'WITHSCORES')[2]
return { expired, next_due or '' }
