--[[
  sweep: removes workflows whose time is over, with everything that belongs to them.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  at most so many
  ARGV[5+] ids to look at as well: their states were deleted behind our back
  Returns  {number of expired workflows, when the next one is due or ''}
]]
local expired = 0
local function take_away(id)
  writing.announce_end(id)
  writing.remove(id)
end

local function clear(id)
  local record = workflows.load(id)
  if not record then
    take_away(id)
    return true
  end
  -- Another program has given it a new value or a longer life; what we know of the old one is over all the same.
  if record.kind == 'legacy' then
    writing.announce_end(id)
    writing.unindex(id)
  else
    writing.index_deadline(id, record.deadline)
  end
  return false
end

local due = redis.call('ZRANGEBYSCORE', workflows.index_key('deadline'), '-inf', whole(now), 'LIMIT', 0, tonumber(ARGV[4]))
-- Most sweeps find nothing, and write nothing.
if #due > 0 or #ARGV > 4 then writing.need_no_memory() end
for _, id in ipairs(due) do
  if clear(id) then expired = expired + 1 end
end
for i = 5, #ARGV do
  if not workflows.load(ARGV[i]) then take_away(ARGV[i]) end
end
writing.tell()
local next_due = redis.call('ZRANGE', workflows.index_key('deadline'), 0, 0, 'WITHSCORES')[2]
return { expired, next_due or '' }
