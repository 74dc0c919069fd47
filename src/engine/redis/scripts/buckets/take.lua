--[[
  take: takes from several buckets, each independently of the others.
  KEYS     the buckets
  ARGV[2]  in tests the time in milliseconds. Otherwise the time is that of the server: a step of its clock empties or fills a bucket once, at most
  ARGV[4]  JSON [[interval, burst, want, least, back, back by]…], one for each bucket; times in microseconds
  Returns  {time, '<granted> <left> <milliseconds to the next>'…}
]]
local now = tonumber(ARGV[2])
if now then now = math.floor(now * 1000)
else
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local replies = { string.format('%.0f', now) }
for i, one in ipairs(cjson.decode(ARGV[4])) do
  replies[i + 1] = string.format('%.0f %.0f %.0f', bucket.take(KEYS[i], now, unpack(one)))
end
return replies
