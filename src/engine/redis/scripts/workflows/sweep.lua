--[[
  sweep: removes expired workflows with everything that belongs to them, and old events.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  maximum number of expired workflows
  ARGV[5]  retention of events in milliseconds
  ARGV[6+] further ids: another program deleted their states
  Returns  {number of expired workflows, time at which something is due next or '', {name of a queue…}, '1' if the tenant has no
           workflows, queues, boards and events, else '0'}
]]
-- Without a mark, the keys are not ours, or there are none.
if not own_keys.is_marked() then return { 0, '', {}, own_keys.first_fixed(function() return true end) and '0' or '1' } end
own_keys.expect('stream', prefix .. key_names.events)
clock.keep()
local expired = 0
local function remove(id)
  writing.announce_end(id)
  writing.remove(id)
end

local failure
local function clear(id)
  local is_fine, why = pcall(writing.expect_workflow, id, {}, true)
  if not is_fine then
    failure = why
    return false
  end
  local record = workflows.load(id)
  if not record then
    remove(id)
    return true
  end
  -- Another program has written a new value, which ends the workflow; or it has given the key a longer time to live.
  if record.kind == 'legacy' or record.kind == 'taken' then
    writing.announce_end(id)
    writing.unindex(id)
  else
    writing.index_deadline(id, record.deadline)
  end
  return false
end

local due = redis.call('ZRANGEBYSCORE', workflows.index_key('deadline'), '-inf', whole(now), 'LIMIT', 0, tonumber(ARGV[4]))
-- Most sweeps find nothing and write nothing.
if #due > 0 or #ARGV > 5 then writing.need_no_memory() end
for _, id in ipairs(due) do
  if clear(id) then expired = expired + 1 end
end
for i = 6, #ARGV do
  if not workflows.load(ARGV[i]) then clear(ARGV[i]) end
end
writing.tell()
local next_due = tonumber(redis.call('ZRANGE', workflows.index_key('deadline'), 0, 0, 'WITHSCORES')[2]) or math.huge

-- Events become due a while after their retention, so that a busy feed is trimmed from time to time and not all the time.
local retention = tonumber(ARGV[5])
local slack = math.floor(retention / 24)
local events = prefix .. key_names.events
local function time_of(event) return event and tonumber(string.match(event[1], '^(%d+)-')) end
local function oldest_time() return time_of(redis.call('XRANGE', events, '-', '+', 'COUNT', 1)[1]) end

local newest = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
if newest then
  -- Ids of events have the time of the server, also in tests with a time of their own.
  local event_now = given_time and server_time() or now
  local bound = math.max(event_now - retention, 0)
  -- The newest event always stays: readers continue from it.
  local first_kept = time_of(newest) < bound and newest[1] or whole(bound)
  redis.call('XTRIM', events, 'MINID', '~', first_kept)
  -- Approximate trimming may leave a few old events, which would be due again and again, so they are trimmed exactly.
  if oldest_time() < bound - slack then redis.call('XTRIM', events, 'MINID', first_kept) end
  if redis.call('XLEN', events) > 1 then
    next_due = math.min(next_due, now + math.max(0, oldest_time() + retention + slack - event_now))
  end
end
if failure then error(failure, 0) end
local queues = redis.call('ZRANGE', prefix .. key_names.queues, 0, -1)
local is_empty = not newest and #queues == 0 and redis.call('EXISTS', workflows.index_key('updated'), prefix .. key_names.boards) == 0
return { expired, next_due < math.huge and whole(next_due) or '', queues, is_empty and '1' or '0' }
