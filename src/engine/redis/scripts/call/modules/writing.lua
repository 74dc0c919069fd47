--[[
  Writes to workflows, feed and hints. A script that writes calls tell() or finish_call.finish() at its end.

  A full server checks memory only at the first write of a script. So a request that needs no memory calls need_no_memory() first, and is accepted.
  A request that stores something calls need_memory(), since an earlier request of the call may have made the first write already.
]]
local has_written, no_memory, begun = false, nil, false
local function need_no_memory()
  begun = true
  if has_written then return end
  -- Neither write stores or removes anything, but a full server refuses the first.
  local said = redis.pcall('SETRANGE', prefix .. key_names.nothing, 0, '')
  no_memory = type(said) == 'table' and said.err or nil
  if no_memory and string.find(no_memory, 'WRONGTYPE', 1, true) then
    begun = false
    own_keys.taken(prefix .. key_names.nothing)
  end
  redis.pcall('XDEL', prefix .. key_names.nothing, '0-0')
  has_written = true
end
local function need_memory()
  if no_memory then error({ err = no_memory }) end
  begun = true
end

-- Whether the current request may have written something.
local function has_begun() return begun end
local function begin(value) begun = value end

-- Adds an event, given as names and values, its type first. Returns its id in the stream. After a failover that lost events, another event may get
-- the id of a lost one; the name of its run tells them apart.
local stream, is_fed = prefix .. key_names.events, false
local function feed(...)
  is_fed = true
  if ahead > 0 then
    -- Ids have the time of the script. Redis refuses this one if there is a later one; its own ids only count up then.
    local id = redis.pcall('XADD', stream, 'MAXLEN', '~', events_kept, whole(now) .. '-0', 'run', run_name, ...)
    if type(id) == 'string' then return id end
  end
  return redis.call('XADD', stream, 'MAXLEN', '~', events_kept, '*', 'run', run_name, ...)
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
  if record.check == '' then feed('type', type, 'id', id, 'version', whole(record.version), 'inc', record.inc)
  else feed('type', type, 'id', id, 'version', whole(record.version), 'inc', record.inc, 'check', record.check) end
  hint('workflow ' .. id)
end

-- Announces the end of a workflow whose keys are gone. Call it before the index entries are removed.
local function announce_end(id)
  if not redis.call('ZSCORE', workflows.index_key('updated'), id) then return end
  local deadline = tonumber(redis.call('ZSCORE', workflows.index_key('deadline'), id))
  local type = deadline and deadline <= now and 'workflow.expired' or 'workflow.deleted'
  feed('type', type, 'id', id)
  hint('workflow ' .. id)
end

-- The entries "field=value" of a workflow in the index. The JSON is our own, so cjson reads it without loss.
local entries_of = {}
local function indexed_under(id)
  if not entries_of[id] then
    local stored = redis.call('HGET', workflows.index_key('values'), id)
    entries_of[id] = stored and cjson.decode(stored) or {}
  end
  return entries_of[id]
end

-- Checks the types of the keys that a new deadline of the workflow changes.
local function expect_life(id)
  own_keys.expect('list', workflows.history_key(id))
  own_keys.expect('zset', workflows.tasks_key(id))
  own_keys.expect('zset', workflows.index_key('deadline'))
end

-- Checks the types of the keys that a write of the workflow changes, besides its state. `is_whole`: the workflow is created or removed.
local function expect_workflow(id, entries, is_whole)
  expect_life(id)
  own_keys.expect('zset', workflows.index_key('updated'))
  if is_whole then
    own_keys.expect('hash', workflows.meta_key(id))
    own_keys.expect('zset', workflows.index_key('created'))
    own_keys.expect('zset', workflows.index_key('ids'))
  end
  local had, wanted = {}, {}
  for _, entry in ipairs(indexed_under(id)) do had[entry] = true end
  for _, entry in ipairs(entries) do wanted[entry] = true end
  for _, list in ipairs({ indexed_under(id), entries }) do
    for _, entry in ipairs(list) do
      own_keys.expect('zset', workflows.index_key('by:' .. entry))
      if is_whole or not (had[entry] and wanted[entry]) then own_keys.expect('zset', workflows.index_key('created-by:' .. entry)) end
    end
  end
end

local function unindex(id)
  for _, entry in ipairs(indexed_under(id)) do
    redis.call('ZREM', workflows.index_key('by:' .. entry), id)
    redis.call('ZREM', workflows.index_key('created-by:' .. entry), id)
  end
  redis.call('HDEL', workflows.index_key('values'), id)
  entries_of[id] = {}
  for _, name in ipairs({ 'updated', 'created', 'deadline', 'ids' }) do redis.call('ZREM', workflows.index_key(name), id) end
end

local function index_deadline(id, deadline)
  if deadline then redis.call('ZADD', workflows.index_key('deadline'), whole(deadline), id)
  else redis.call('ZREM', workflows.index_key('deadline'), id) end
end

-- `is_new`: the id has no index entries.
local function index(id, record, entries, is_new)
  local wanted, had = {}, {}
  for _, entry in ipairs(entries) do wanted[entry] = true end
  if not is_new then
    for _, entry in ipairs(indexed_under(id)) do
      had[entry] = true
      if not wanted[entry] then
        redis.call('ZREM', workflows.index_key('by:' .. entry), id)
        redis.call('ZREM', workflows.index_key('created-by:' .. entry), id)
      end
    end
  end
  local changed = is_new
  for _, entry in ipairs(entries) do
    redis.call('ZADD', workflows.index_key('by:' .. entry), whole(record.updated), id)
    if not had[entry] then
      changed = true
      redis.call('ZADD', workflows.index_key('created-by:' .. entry), whole(record.created), id)
    end
    had[entry] = nil
  end
  if changed or next(had) then redis.call('HSET', workflows.index_key('values'), id, cjson.encode(entries)) end
  entries_of[id] = entries
  redis.call('ZADD', workflows.index_key('updated'), whole(record.updated), id)
  if is_new then
    redis.call('ZADD', workflows.index_key('created'), whole(record.created), id)
    redis.call('ZADD', workflows.index_key('ids'), 0, id)
  end
  index_deadline(id, record.deadline)
end

-- All keys of a workflow expire together.
local function set_deadline(id, deadline, with_state)
  local keys = { workflows.meta_key(id), workflows.history_key(id) }
  if with_state then keys[3] = workflows.state_key(id) end
  for _, key in ipairs(keys) do
    if deadline then redis.call('PEXPIREAT', key, whole(deadline)) else redis.call('PERSIST', key) end
  end
end

local function write_meta(id, record, history_bytes)
  redis.call('HSET', workflows.meta_key(id), 'inc', record.inc, 'version', whole(record.version), 'created', whole(record.created),
    'updated', whole(record.updated), 'deadline', deadline_text(record.deadline),
    'ttl', deadline_text(record.ttl), 'bytes', whole(record.bytes),
    'about', record.about, 'history_bytes', whole(history_bytes), 'check', record.digest .. record.check)
end

local function remove(id)
  redis.call('DEL', workflows.state_key(id), workflows.meta_key(id), workflows.history_key(id))
  unindex(id)
end

return { need_no_memory = need_no_memory, need_memory = need_memory, has_begun = has_begun, begin = begin, expect_life = expect_life, expect_workflow = expect_workflow, feed = feed, hint = hint, tell = tell, announce = announce,
  announce_end = announce_end, unindex = unindex, index_deadline = index_deadline, index = index, set_deadline = set_deadline,
  write_meta = write_meta, remove = remove }
