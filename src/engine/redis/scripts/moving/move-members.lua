--[[
  move-members: ids of tasks, page by page.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  'queue': a set of a queue, in its order; 'workflows': the ended tasks of workflows, in the order of their ids
  ARGV[5]  key of the set without the prefix; '' for workflows
  ARGV[6]  score of the last member of the previous page, '-inf' for the first page; '' for workflows
  ARGV[7]  last member of the previous page, or id of its last workflow; '' for the first page
  ARGV[8]  maximum number of members, or of workflows
  Returns  {score, member, id…}: the last score and member of this page; the score is '' at the end. A member whose score does not change is on exactly one page.
           '\n' and the id of a workflow stand for its tasks, if another program has damaged their set
]]
local limit = tonumber(ARGV[8])
if ARGV[4] == 'workflows' then
  local ids = redis.call('ZRANGEBYLEX', workflow_names.index_key('ids'), ARGV[7] == '' and '-' or '(' .. ARGV[7], '+', 'LIMIT', 0, limit)
  local reply = { #ids == limit and '0' or '', ids[#ids] or '' }
  for _, id in ipairs(ids) do
    local ended = redis.pcall('ZRANGEBYSCORE', workflow_names.tasks_key(id), '0', '+inf')
    if ended.err then reply[#reply + 1] = '\n' .. id end
    for _, task in ipairs(ended) do reply[#reply + 1] = task end
  end
  return reply
end

-- Byte order, as in Redis: < of Lua follows the server's locale.
local function is_after(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return #a > #b
end

local key, score, last = prefix .. ARGV[5], ARGV[6], ARGV[7]
local count = limit
while true do
  local found = redis.call('ZRANGEBYSCORE', key, score, '+inf', 'WITHSCORES', 'LIMIT', 0, count)
  local reply = { '', '' }
  for i = 1, #found, 2 do
    if found[i + 1] ~= score or is_after(found[i], last) then reply[#reply + 1] = found[i] end
  end
  if #found < 2 * count then return reply end
  reply[1], reply[2] = found[#found], found[#found - 1]
  -- Every member found was on a previous page, because more members have this score than a page holds: read a longer page.
  if #reply > 2 then return reply end
  count = count * 2
end
