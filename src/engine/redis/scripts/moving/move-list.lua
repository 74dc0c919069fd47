--[[
  move-list: ids and stamps of workflows, in the order of the ids.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  only ids after this one, '' for all
  ARGV[5]  maximum number of ids
  Returns  {last id or '' at the end, {id, stamp, bytes, kind}…}; see load in workflows.lua. The kind is 'unreadable' where another
           program has damaged a record
]]
local limit = tonumber(ARGV[5])
local ids = redis.call('ZRANGEBYLEX', workflow_names.index_key('ids'), ARGV[4] == '' and '-' or '(' .. ARGV[4], '+', 'LIMIT', 0, limit)
local reply = { #ids == limit and ids[#ids] or '' }
local function add(id)
  local record = workflows.load(id)
  if record then reply[#reply + 1] = { id, moving.stamp_of(id, record), whole(record.bytes + (record.history_bytes or 0)), record.kind }
  elseif moving.is_emptied(id) then reply[#reply + 1] = { id, '', '0', 'unreadable' } end
end
for _, id in ipairs(ids) do
  if not pcall(add, id) then reply[#reply + 1] = { id, '', '0', 'unreadable' } end
end
return reply
