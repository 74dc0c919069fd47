--[[
  clock: keeps the time of the scripts from going back when the clock of the server does: after a failover to a server whose clock is behind, leases and
  deadlines end in time. See docs/decisions/clocks.md.
  ARGV[2]  key of the clock: "<highest time of a script> <time of the server then>". All who read it have the same time.
]]
-- More time that has passed since the key was written is taken for a step of the clock, and does not count.
local MAX_PASSED_MS = 60000
-- From here on a difference is taken for a mistake of the earlier clock, and is not followed.
local MAX_AHEAD_MS = 86400000
-- A clock that is behind makes up for one percent of the time that passes.
local PACE = 0.99
local WRITTEN_EVERY_MS = 20000

local time_of_server, stored, highest, at = now, nil, nil, nil

-- Sets `now`. `text`: value under the key of the clock.
local function set(text)
  if given_time then return end
  stored = text
  local highest_text, at_text = string.match(text or '', '^(%d+) (%d+)$')
  highest, at = tonumber(highest_text), tonumber(at_text)
  if not highest or highest > time_of_server + MAX_AHEAD_MS then return end
  local passed = time_of_server - at
  if passed < 0 or passed > MAX_PASSED_MS then passed = 0 end
  now = math.max(time_of_server, highest + math.floor(passed * PACE))
  ahead = now - time_of_server
end

-- Writes the key if it is old, or shows a step of the clock.
local function keep()
  local passed = highest and time_of_server - at
  if given_time or (passed and passed >= 0 and passed < WRITTEN_EVERY_MS and now >= highest) then return end
  -- Only a script of the tenant that has the key may create it, since its mark must be there.
  if not stored and clock_key ~= prefix .. key_names.clock then return end
  if stored and not highest then own_keys.taken(clock_key, 'string') end
  own_keys.expect('string', clock_key)
  -- A full server refuses it, and accepts it of the sweep.
  redis.pcall('SET', clock_key, whole(now) .. ' ' .. whole(time_of_server))
end

-- The time at which the tenant should be swept again, if something is due at `next_due`. Where the tenant has a clock of its own that is behind, sweeps
-- keep it going.
local SWEPT_EVERY_MS = 30000
local function sweep_time(next_due)
  if ahead == 0 or next_due == math.huge or clock_key ~= prefix .. key_names.clock then return next_due end
  return math.min(next_due, now + SWEPT_EVERY_MS)
end

return { set = set, keep = keep, sweep_time = sweep_time }
