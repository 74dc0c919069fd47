--[[
  count: number of workflows in an index, without those that are expired and not swept yet.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  'all', 'field' or 'prefix'
  ARGV[5]  the field as "field=value", or the prefix
  ARGV[6]  ARGV[7]  bounds of the time of the last write, as ZCOUNT takes them; ignored with a prefix
  Returns  the number, or 'sweep' if too many expired ones wait for the sweep
]]
local MAX_DUE = 1000
local kind, value, from, to = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local set = kind == 'field' and workflow_names.index_key('by:' .. value) or workflow_names.index_key('updated')
local due = redis.call('ZRANGEBYSCORE', workflow_names.index_key('deadline'), '-inf', whole(now), 'LIMIT', 0, MAX_DUE)
if #due == MAX_DUE then return 'sweep' end

-- The index of deadlines is only a hint.
local function is_expired(id)
  local meta = workflows.meta_of(id, redis.call('GET', workflow_names.meta_key(id)))
  return not meta or meta.deadline and meta.deadline <= now
end

local count
if kind == 'prefix' then count = redis.call('ZLEXCOUNT', workflow_names.index_key('ids'), '[' .. value, '(' .. value .. '\255')
elseif from == '-inf' and to == '+inf' then count = redis.call('ZCARD', set)
else count = redis.call('ZCOUNT', set, from, to) end

local function is_within(score)
  if from ~= '-inf' and score <= tonumber(string.sub(from, 2)) then return false end
  if to ~= '+inf' and score >= tonumber(string.sub(to, 2)) then return false end
  return true
end
local function is_counted(id)
  if kind == 'prefix' then return string.sub(id, 1, #value) == value end
  local score = redis.call('ZSCORE', set, id)
  return score and is_within(tonumber(score))
end
for _, id in ipairs(due) do
  if is_counted(id) and is_expired(id) then count = count - 1 end
end
return count
