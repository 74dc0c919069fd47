--[[
  list: workflows of an index, page by page.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the query, JSON made by the service: order 'updated', 'created' or 'ids', descending, limit, steps, bytes,
           fields ["field=value"], prefix?, after? and before? (bounds of updated, exclusive), position? {score, id}, states
  Returns  {status, score, id, stale ids as JSON, newest, {score, id, line, state?}…}
           status: 'end'; 'more' if the page reached its limit or bytes; 'step' if the call examined its maximum. The next page begins after (score, id).
           newest: latest update of all workflows
]]
local query = cjson.decode(ARGV[4])
local base = workflow_names.index_key(query.order)

-- The list walks the smallest set and looks up each id in the others. The sets of values are in the order of updates. In another order, a small one
-- is sorted here, and else all workflows are walked.
local driver, others = base, {}
local smallest, size_of_smallest
for i, field in ipairs(query.fields) do
  others[i] = workflow_names.index_key('by:' .. field)
  local size = redis.call('ZCARD', others[i])
  if not smallest or size < size_of_smallest then smallest, size_of_smallest = others[i], size end
end
if smallest and query.order == 'updated' then driver = smallest end

local newest = redis.call('ZRANGE', workflow_names.index_key('updated'), -1, -1, 'WITHSCORES')[2]
local stale, items = {}, {}
local bytes = 0

local function matches(id)
  if query.prefix and string.sub(id, 1, #query.prefix) ~= query.prefix then return false end
  for _, set in ipairs(others) do
    if set ~= driver and not redis.call('ZSCORE', set, id) then return false end
  end
  return true
end

-- An entry may have outlived its workflow, if another program deleted the meta.
local function is_indexed(record)
  if record.kind ~= 'ours' then return true end
  for _, field in ipairs(query.fields) do
    if not string.find(record.entries, cjson.encode(field), 1, true) then return false end
  end
  return true
end

-- Adds the workflow to the page if it matches.
local function take(id, score)
  if not matches(id) then return end
  local record = workflows.load(id, query.states and 'text')
  if not record then
    if redis.call('EXISTS', workflow_names.state_key(id)) == 0 then stale[#stale + 1] = id end
    return
  end
  if not is_indexed(record) then return end
  if query.after and record.updated <= query.after then return end
  if query.before and record.updated >= query.before then return end
  bytes = bytes + (query.states and record.bytes or 0)
  items[#items + 1] = { score, id, workflows.line_of(record), record.text }
end

local function reply(status, score, id)
  local answer = { status, score, id, cjson.encode(stale), newest or '' }
  for _, item in ipairs(items) do answer[#answer + 1] = item end
  return answer
end

-- Byte order, as in Redis: < of Lua follows the server's locale.
local function is_before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local position = query.position

-- Rank of an id in byte order; false for an id that is not indexed, such as one of a deleted workflow.
local function rank_by_id(one)
  if one.rank == nil then one.rank = redis.call('ZRANK', workflow_names.index_key('ids'), one.id) end
  return one.rank
end

-- Ranks are compared, since long ids with the same beginning would take long to compare here.
local function comes_first(a, b)
  if a.score ~= b.score then
    if query.descending then return a.score > b.score end
    return a.score < b.score
  end
  local x, y = rank_by_id(a), rank_by_id(b)
  if x and y then
    if query.descending then return y < x end
    return x < y
  end
  if query.descending then return is_before(b.id, a.id) end
  return is_before(a.id, b.id)
end

-- A page of a few ids, which are sorted here; walking the whole set would take longer.
local function page_of(ids)
  local found = {}
  for _, id in ipairs(ids) do
    local score = redis.call('ZSCORE', driver, id)
    if score then found[#found + 1] = { score = tonumber(score), text = score, id = id } end
  end
  table.sort(found, comes_first)
  for _, one in ipairs(found) do
    if not position or comes_first(position, one) then
      take(one.id, one.text)
      if #items == query.limit or bytes >= query.bytes then return reply('more', one.text, one.id) end
    end
  end
  return reply('end', '', '')
end

-- In the order of the ids, those with the prefix are beside each other: the walk begins and ends with them.
local ids_with_prefix = query.prefix and query.order == 'ids'
if query.prefix and not ids_with_prefix and redis.call('ZLEXCOUNT', workflow_names.index_key('ids'), '[' .. query.prefix, '(' .. query.prefix .. '\255') <= query.steps then
  return page_of(redis.call('ZRANGEBYLEX', workflow_names.index_key('ids'), '[' .. query.prefix, '(' .. query.prefix .. '\255'))
end
if smallest and driver == base and size_of_smallest <= query.steps then return page_of(redis.call('ZRANGE', smallest, 0, -1)) end

-- Number of members of the driver before (score, id), or with it if inclusive.
local function rank_of(score, id, inclusive)
  local low = redis.call('ZCOUNT', driver, '-inf', '(' .. whole(score))
  local high = low + redis.call('ZCOUNT', driver, whole(score), whole(score))
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = redis.call('ZRANGE', driver, middle, middle)[1]
    if is_before(other, id) or (inclusive and other == id) then low = middle + 1 else high = middle end
  end
  return low
end

local size = redis.call('ZCARD', driver)
local at = 0
if position then
  if query.descending then at = size - rank_of(position.score, position.id, false)
  else at = rank_of(position.score, position.id, true) end
end
if ids_with_prefix then
  local ids = workflow_names.index_key('ids')
  local first = redis.call('ZLEXCOUNT', ids, '-', '(' .. query.prefix)
  local behind = redis.call('ZLEXCOUNT', ids, '-', '(' .. query.prefix .. '\255')
  if query.descending then
    at = math.max(at, size - behind)
    size = size - first
  else
    at = math.max(at, first)
    size = behind
  end
end
local examined = 0
local chunk = math.min(query.limit + 10, 200)
while at < size do
  local ids = redis.call(query.descending and 'ZREVRANGE' or 'ZRANGE', driver, at, at + chunk - 1, 'WITHSCORES')
  if #ids == 0 then break end
  for i = 1, #ids, 2 do
    take(ids[i], ids[i + 1])
    examined = examined + 1
    if #items == query.limit or bytes >= query.bytes then return reply('more', ids[i + 1], ids[i]) end
    if examined == query.steps then return reply('step', ids[i + 1], ids[i]) end
  end
  at = at + #ids / 2
end
return reply('end', '', '')
