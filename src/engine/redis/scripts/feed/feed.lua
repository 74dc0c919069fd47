--[[
  feed: events after a position in the feed, or the end of the feed.
  KEYS[1]  stream of the tenant's events
  ARGV[1]  prefix of the tenant's keys
  ARGV[4]  name of a new epoch, used if there is none
  ARGV[5]  'end', 'end-if-any', 'oldest', or the epoch of the position. Only 'end' begins a feed.
  ARGV[6]  position: the id of an entry
  ARGV[7]  position: the name of the run that wrote the entry, '' for an entry without one
  ARGV[8]  maximum number of events
  Returns  {'events', epoch, {{id, {name, value…}}…}}   {'end', epoch, newest entry}   {'trimmed', epoch, oldest entry}   {'reset'}
           {'none'} without a feed
]]
local events, wanted, position, run, limit = KEYS[1], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
if wanted ~= 'end' and not feed_epoch.is_begun() then
  local is_position = wanted ~= 'oldest' and wanted ~= 'end-if-any'
  return { is_position and 'reset' or 'none' }
end
own_keys.ensure_mark()
local epoch = feed_epoch.current(ARGV[4])
local last = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
if wanted == 'end' or wanted == 'end-if-any' then return { 'end', epoch, last or { '0-0', {} } } end
if wanted == 'oldest' then return { 'events', epoch, redis.call('XRANGE', events, '-', '+', 'COUNT', limit) } end
if wanted ~= epoch then return { 'reset' } end

local function is_at_position(entry)
  if entry[1] ~= position then return false end
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'run' then return entry[2][i + 1] == run end
  end
  return run == ''
end

-- The entry at the position must exist. It does not if the store was restored, or if a server without the latest writes took over; another entry
-- may have its id then, written by another run.
local found = redis.call('XRANGE', events, position, '+', 'COUNT', limit + 1)
if found[1] and is_at_position(found[1]) then
  table.remove(found, 1)
  return { 'events', epoch, found }
end
local first = redis.call('XRANGE', events, '-', '+', 'COUNT', 1)[1]
if not first then return { 'reset' } end
local oldest = first[1]
local function parts(id)
  local ms, count = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(count)
end
local ms, count = parts(position)
local oldest_ms, oldest_count = parts(oldest)
if ms < oldest_ms or (ms == oldest_ms and count < oldest_count) then return { 'trimmed', epoch, first } end
return { 'reset' }
