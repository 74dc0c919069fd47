--[[
  read-board: counts, notices and entries of a board.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  name of the board
  Returns  {{name, count…}, {name, end, text…}, {entry…}}
]]
local name = ARGV[4]
local notices = {}
local live = redis.call('ZRANGEBYSCORE', board.key('ends', name), '(' .. whole(now), '+inf', 'WITHSCORES')
for i = 1, #live, 2 do
  notices[#notices + 1] = live[i]
  notices[#notices + 1] = live[i + 1]
  notices[#notices + 1] = redis.call('HGET', board.key('notices', name), live[i])
end
return { redis.call('HGETALL', board.key('counts', name)), notices, redis.call('LRANGE', board.key('entries', name), 0, -1) }
