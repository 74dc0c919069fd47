--[[
  move-queues: names of queues, and whether they are paused.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  either {ids}, or a page, see queue-names.lua; JSON made by the service
  Returns  {last name or '' at the end, {name, '1' if it is paused or '0'}…}; of ids without a queue nothing.
           '\n' in place of '0' or '1' for settings of another program
]]
local plan = cjson.decode(ARGV[4])
local names, is_more = plan.ids, false
if not names then names, is_more = queue_names.page(plan) end
local reply = { is_more and names[#names] or '' }
for _, name in ipairs(names) do
  if not plan.ids or redis.call('ZSCORE', prefix .. key_names.queues, name) then
    local paused = redis.pcall('HGET', prefix .. key_names.queueSettings .. name, 'paused') or '0'
    reply[#reply + 1] = { name, type(paused) == 'table' and '\n' or paused }
  end
end
return reply
