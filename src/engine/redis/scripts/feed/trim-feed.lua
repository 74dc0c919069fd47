--[[
  trim-feed: removes old events. The newest one always stays: readers continue from it.
  KEYS[1]  stream of the tenant's events
  ARGV[4]  retention of events in milliseconds
  Returns  number of removed events
]]
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last then return 0 end
-- Ids of events have the time of the server, also in tests with a time of their own.
local bound = server_time() - tonumber(ARGV[4])
local newest = tonumber(string.match(last[1], '^(%d+)-'))
return redis.call('XTRIM', KEYS[1], 'MINID', '~', newest < bound and last[1] or whole(math.max(bound, 0)))
