--[[
  sweep: removes expired workflows with everything that belongs to them, and old events.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  maximum number of workflows
  ARGV[5]  retention of events in milliseconds
  ARGV[6]  further ids, a JSON list: another program deleted their states
  ARGV[7]  index entries under which these were found, a JSON list
  Returns  {number of expired workflows, time at which something other than a queue is due next or '', '1' if queues are due, else '0', time at which
           a queue is due next or '', '1' if the tenant has no workflows, queues, boards and events, else '0', '1' if more workflows may be due or '0'}
  Errors   that of a workflow with damaged keys: the others were swept, and that one is due again later
]]
-- Without a mark, the keys are not ours, or there are none.
if not own_keys.is_marked() then return { 0, '', '0', '', own_keys.first_fixed(function() return true end) and '0' or '1', '0' } end
own_keys.expect('stream', prefix .. key_names.events)
own_keys.expect('zset', workflow_names.index_key('deadline'))
clock.keep()
local ids, entries = cjson.decode(ARGV[6]), cjson.decode(ARGV[7])
local expired, handled = 0, 0
local RETRIED_MS = 60000

-- Ends the workflow of an id that has none any more, and removes what is left of it. The value of another program stays.
local function clear(id, record)
  removal.expect_workflow(id, entries)
  removal.announce_end(id)
  removal.remove(id, entries, record ~= nil)
end

local function examine(id)
  local record = workflow_store.load(id)
  if not record or record.kind == 'legacy' or record.kind == 'taken' then
    clear(id, record)
    if not record then expired = expired + 1 end
  -- The index of deadlines is only a hint: the workflow has a later deadline now.
  elseif record.deadline then redis.call('ZADD', workflow_names.index_key('deadline'), whole(record.deadline), id)
  else redis.call('ZREM', workflow_names.index_key('deadline'), id) end
end

local due = redis.call('ZRANGEBYSCORE', workflow_names.index_key('deadline'), '-inf', whole(now), 'LIMIT', 0, tonumber(ARGV[4]))
-- Most sweeps find nothing and write nothing.
if #due > 0 or #ids > 0 then full_server.need_no_memory() end
local failure
for _, id in ipairs(due) do
  local is_fine, why = pcall(examine, id)
  if is_fine then handled = handled + 1
  else
    failure = why
    -- The error of a key of another type names the key only when the script runs again, traced; so the workflow stays due until then.
    local text = type(why) == 'table' and why.err or tostring(why)
    if not string.find(text, 'WRONGTYPE', 1, true) then redis.call('ZADD', workflow_names.index_key('deadline'), 'XX', whole(now + RETRIED_MS), id) end
  end
end
for _, id in ipairs(ids) do
  local is_fine, why = pcall(function() if not workflow_store.load(id) then clear(id, nil) end end)
  if not is_fine then failure = why end
end
workflow_store.write()
feeding.tell()
local next_due = tonumber(redis.call('ZRANGE', workflow_names.index_key('deadline'), 0, 0, 'WITHSCORES')[2]) or math.huge
next_due = clock.sweep_time(next_due)

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

-- Queues of an earlier version have no times yet: they are due now.
local queues, times = prefix .. key_names.queues, prefix .. key_names.queueTimes
own_keys.expect('zset', queues)
own_keys.expect('zset', times)
local count = redis.call('ZCARD', queues)
if redis.call('ZCARD', times) < count then
  full_server.need_no_memory()
  redis.call('ZUNIONSTORE', times, 2, times, queues, 'AGGREGATE', 'MAX')
end
local queue_due = tonumber(redis.call('ZRANGE', times, 0, 0, 'WITHSCORES')[2])
if failure then error(failure, 0) end
local is_empty = not newest and count == 0 and redis.call('EXISTS', workflow_names.index_key('updated'), prefix .. key_names.boards) == 0
return { expired, next_due < math.huge and whole(next_due) or '', queue_due and queue_due <= now and '1' or '0',
  queue_due and whole(clock.sweep_time(queue_due)) or '', is_empty and '1' or '0', handled == tonumber(ARGV[4]) and '1' or '0' }
