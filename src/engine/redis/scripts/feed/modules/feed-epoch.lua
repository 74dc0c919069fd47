--[[
  Common to the scripts that tell where in the feed something stands. The feed has an epoch: a name that is made when the first
  reader or message comes, and lost with the data. Its stream is never empty from then on, so that every place in it can be checked.
]]
local events_key = prefix .. key_names.events
local epoch_key = prefix .. key_names.eventsEpoch

-- `name`: of the epoch that begins now if there is none. Once for a call is enough.
local known_epoch
local function epoch_of_feed(name)
  if known_epoch then return known_epoch end
  local has_events = redis.call('EXISTS', events_key) == 1
  local epoch = redis.call('GET', epoch_key)
  if not epoch or not has_events then
    epoch = name
    -- A server that is full keeps neither; whoever comes back with the name is told that the feed is another one.
    redis.pcall('SET', epoch_key, name)
    if not has_events then redis.pcall('XADD', events_key, '*', 'type', 'feed.started') end
  end
  known_epoch = epoch
  return epoch
end

-- As src/engine/event-id.ts writes it.
local function event_id(stream_id, epoch)
  local ms, count = string.match(stream_id, '^(%d+)-(%d+)$')
  return string.format('%s-%06d-%s', ms, tonumber(count), epoch)
end

return { current = epoch_of_feed, event_id = event_id }
