--[[
  trim-feed: lets go of events that are too old. The newest one stays in any case: it is the place from which readers go on.
  KEYS[1]  the stream of the tenant's events
  ARGV[4]  how long events are kept, in milliseconds
  Returns  how many have gone
]]
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last then return 0 end
-- Ids are of the server's time, whatever time a test brings along.
local bound = server_time() - tonumber(ARGV[4])
local newest = tonumber(string.match(last[1], '^(%d+)-'))
return redis.call('XTRIM', KEYS[1], 'MINID', '~', newest < bound and last[1] or whole(math.max(bound, 0)))
