--[[
  bucket: one take from a bucket by GCRA; see takeFrom in bucket.ts, which does the same step for step.
  A bucket is the time when it will be full again, in whole microseconds; an absent one is full.
]]
-- Times in microseconds. Returns granted, left, milliseconds to the next.
local function take(key, now, interval, burst, want, least, back, back_by)
  local text = redis.call('GET', key)
  local stored = tonumber(text)
  if text and not stored then own_keys.taken(key, 'string') end
  local full = math.min(math.max(stored or now, now), now + burst * interval)
  if back > 0 and now <= back_by then full = math.max(now, full - back * interval) end
  local available = burst - (full - now) / interval
  local granted = math.min(want, math.floor(available + 1e-9))
  if granted < least then granted = 0 end
  full = math.floor(full + granted * interval)
  if full > now then
    -- A refusal writes nothing.
    if full ~= stored then redis.call('SET', key, string.format('%.0f', full), 'PXAT', string.format('%.0f', math.ceil(full / 1000))) end
  elseif stored then
    redis.call('DEL', key)
  end
  local left = math.max(0, math.floor(available - granted + 1e-9))
  local next = granted < least and least or math.min(left + 1, burst)
  return granted, left, math.max(0, math.ceil((next + granted - available - 1e-9) * interval / 1000))
end

return { take = take }
