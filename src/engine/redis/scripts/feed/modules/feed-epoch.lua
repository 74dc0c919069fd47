--[[
  feed-epoch: epoch and positions of the feed. The epoch is a name made for the first reader or message, and lost with the data.
  From then on the stream is never empty, so that every position can be checked.
  Only a reader that asks for the end of the feed begins one in a tenant without events.
]]
local events_key = prefix .. key_names.events
local epoch_key = prefix .. key_names.eventsEpoch

local begun
local function is_begun()
  begun = begun or redis.call('EXISTS', events_key) == 1
  return begun
end

-- Current epoch. `name`: name of a new epoch, used if there is none.
local known_epoch
local function epoch_of_feed(name)
  if known_epoch then return known_epoch end
  local has_events = is_begun()
  local epoch = redis.call('GET', epoch_key)
  if not epoch or not has_events then
    epoch = name
    -- A full server stores neither key. A reader that comes back with this epoch then gets a reset.
    redis.pcall('SET', epoch_key, name)
    if not has_events then redis.pcall('XADD', events_key, '*', 'type', 'feed.started') end
  end
  known_epoch = epoch
  return epoch
end

-- Id of an event of this run. Same format as in src/engine/event-id.ts.
local function event_id(stream_id, epoch)
  local ms, count = string.match(stream_id, '^(%d+)-(%d+)$')
  local longer = #count > 6 and string.char(90 + #count) or ''
  return string.format('%s-%s%06d-%s_%s', ms, longer, tonumber(count), epoch, run_name)
end

return { is_begun = is_begun, current = epoch_of_feed, event_id = event_id }
