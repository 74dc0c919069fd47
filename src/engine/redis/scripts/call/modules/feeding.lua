--[[
  feeding: events and hints. A script that writes them calls tell() at its end.
]]
-- Adds an event, given as names and values, its type first. Returns its id in the stream. After a failover that lost events, another event may get
-- the id of a lost one; the name of its run tells them apart. Nothing is taken back any more afterwards.
local stream, is_fed = prefix .. key_names.events, false
local function feed(...)
  is_fed = true
  local id
  -- Ids have the time of the script. Redis refuses this one if there is a later one; its own ids only count up then.
  if ahead > 0 then id = redis.pcall('XADD', stream, 'MAXLEN', '~', events_kept, whole(now) .. '-0', 'run', run_name, ...) end
  if type(id) ~= 'string' then id = redis.pcall('XADD', stream, 'MAXLEN', '~', events_kept, '*', 'run', run_name, ...) end
  if type(id) == 'table' then first_writes.refuse(id, stream) end
  first_writes.keep()
  return id
end

-- Hints are published together when everything is written: one message, one line for each topic.
local hints, hinted = {}, {}
local function hint(topic)
  if hinted[topic] then return end
  hinted[topic] = true
  hints[#hints + 1] = topic
end
local function tell()
  -- Every hint wakes the readers of the feed, so 'feed' is needed only without another hint.
  if is_fed and #hints == 0 then hint('feed') end
  if #hints > 0 then redis.call('PUBLISH', prefix .. key_names.changes, table.concat(hints, '\n')) end
end

local function announce(type, id, record)
  if not record.check then feed('type', type, 'id', id, 'version', whole(record.version), 'inc', record.inc)
  else feed('type', type, 'id', id, 'version', whole(record.version), 'inc', record.inc, 'check', record.check) end
  hint('workflow ' .. id)
end

-- Announces a version that is not the first.
local function announce_next(id, record)
  announce(string.find(record.about, '"cause":"restore"', 1, true) and 'workflow.restored' or 'workflow.updated', id, record)
end

return { feed = feed, hint = hint, tell = tell, announce = announce, announce_next = announce_next }
