--[[
  take: takes from several buckets, each independently of the others.
  KEYS     the buckets
  ARGV[2]  time in milliseconds, or '' for the server's
  ARGV[4]  JSON [[interval, burst, want, least, back, back by]…], one for each bucket; times in microseconds
  Returns  {time, '<granted> <left> <milliseconds to the next>'…}
]]
local now
if ARGV[2] == '' then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
else
  now = math.floor(tonumber(ARGV[2]) * 1000)
end
local replies = { string.format('%.0f', now) }
for i, one in ipairs(cjson.decode(ARGV[4])) do
  replies[i + 1] = string.format('%.0f %.0f %.0f', bucket.take(KEYS[i], now, unpack(one)))
end
return replies
