--[[
  feed: events after a position in the feed, or the end of the feed.
  KEYS[1]  stream of the tenant's events
  ARGV[1]  prefix of the tenant's keys
  ARGV[4]  name of a new epoch, used if there is none
  ARGV[5]  'end', 'end-if-any', 'oldest', or the epoch of the position. Only 'end' begins a feed.
  ARGV[6]  position: the id of an entry
  ARGV[7]  position: the name of the run that wrote the entry, '' for an entry without one
  ARGV[8]  maximum number of events
  ARGV[9]  bytes of events after which the reply ends: many large messages would hold up Redis
  Returns  {'events', epoch, {{id, {name, value…}}…}, 'more' or ''}   {'end', epoch, newest entry}   {'trimmed', epoch, oldest entry}   {'reset'}
           {'none'} without a feed. 'more': the reply has fewer events than the maximum because of their bytes
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

-- Entries from a position on, as many as the bytes allow. They are read in chunks, so that those beyond the bytes are not read.
-- `is_known`: the reader has the first one, whose bytes do not count.
local CHUNK = 50
local function entries_from(start, most, is_known)
  local found, bytes = {}, 0
  while #found < most do
    local some = redis.call('XRANGE', events, start, '+', 'COUNT', math.min(CHUNK, most - #found))
    for _, entry in ipairs(some) do
      found[#found + 1] = entry
      if #found > 1 or not is_known then
        for _, text in ipairs(entry[2]) do bytes = bytes + #text end
      end
      if bytes >= tonumber(ARGV[9]) then return found, #found < most and 'more' or '' end
    end
    if #some < CHUNK then break end
    start = '(' .. found[#found][1]
  end
  return found, ''
end

if wanted == 'oldest' then return { 'events', epoch, entries_from('-', limit) } end
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
local found, more = entries_from(position, limit + 1, true)
if found[1] and is_at_position(found[1]) then
  table.remove(found, 1)
  return { 'events', epoch, found, more }
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
