--[[
  feed: events after a position in the feed, or the end of the feed.
  KEYS[1]  stream of the tenant's events
  ARGV[1]  prefix of the tenant's keys
  ARGV[4]  name of a new epoch, used if there is none
  ARGV[5]  'end', 'end-if-any', 'oldest', or the epoch of the position. Only 'end' begins a feed.
  ARGV[6]  position: the id of an entry
  ARGV[7]  maximum number of events
  Returns  {'events', epoch, {{id, {name, value…}}…}}   {'end', epoch, id}   {'trimmed', epoch, id of the oldest entry}   {'reset'}
           {'none'} without a feed
]]
local events, wanted, position, limit = KEYS[1], ARGV[5], ARGV[6], tonumber(ARGV[7])
if wanted ~= 'end' and not feed_epoch.is_begun() then
  local is_position = wanted ~= 'oldest' and wanted ~= 'end-if-any'
  return { is_position and 'reset' or 'none' }
end
local epoch = feed_epoch.current(ARGV[4])
local last = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
if wanted == 'end' or wanted == 'end-if-any' then return { 'end', epoch, last and last[1] or '0-0' } end
if wanted == 'oldest' then return { 'events', epoch, redis.call('XRANGE', events, '-', '+', 'COUNT', limit) } end
if wanted ~= epoch then return { 'reset' } end

-- The entry at the position must exist. It does not if the store was restored, or if a server without the latest writes took over.
local found = redis.call('XRANGE', events, position, '+', 'COUNT', limit + 1)
if found[1] and found[1][1] == position then
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
if ms < oldest_ms or (ms == oldest_ms and count < oldest_count) then return { 'trimmed', epoch, oldest } end
return { 'reset' }
