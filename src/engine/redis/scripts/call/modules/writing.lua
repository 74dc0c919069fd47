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

-- The first writes of a request may find out that a key has another type. Then those before are taken back, and the request has changed nothing. By
-- step: key, what was there before (the score in a set, false for no member, 'list' for a list), and the member. Most puts have at most 8 steps: tables
-- with 8 places need not grow, which would cost each put an allocation.
local is_trying, steps = false, 0
local keys_of_steps = { false, false, false, false, false, false, false, false }
local before_steps = { false, false, false, false, false, false, false, false }
local members_of_steps = { false, false, false, false, false, false, false, false }
local function try() is_trying = true end
local function keep() is_trying, steps = false, 0 end
local function begin(value)
  begun = value
  keep()
end

local function refuse(failure, key)
  if is_trying then
    begun = false
    for i = steps, 1, -1 do
      local before = before_steps[i]
      if before == 'list' then redis.call('LPOP', keys_of_steps[i])
      elseif before then redis.call('ZADD', keys_of_steps[i], whole(before), members_of_steps[i])
      else redis.call('ZREM', keys_of_steps[i], members_of_steps[i]) end
    end
  end
  if string.find(failure.err, 'WRONGTYPE', 1, true) then own_keys.taken(key) end
  error(failure)
end

local function noted(reply, key, before, member)
  if type(reply) == 'table' then refuse(reply, key) end
  if is_trying then
    steps = steps + 1
    keys_of_steps[steps], before_steps[steps], members_of_steps[steps] = key, before, member
  end
  return reply
end
local function push(key, entry) return noted(redis.pcall('LPUSH', key, entry), key, 'list') end
local function place(key, score, id, before) return noted(redis.pcall('ZADD', key, score, id), key, before, id) end
local function displace(key, id, before) return noted(redis.pcall('ZREM', key, id), key, before, id) end

-- Adds an event, given as names and values, its type first. Returns its id in the stream. After a failover that lost events, another event may get
-- the id of a lost one; the name of its run tells them apart. Nothing is taken back any more afterwards.
local stream, is_fed = prefix .. key_names.events, false
local function feed(...)
  is_fed = true
  local id
  -- Ids have the time of the script. Redis refuses this one if there is a later one; its own ids only count up then.
  if ahead > 0 then id = redis.pcall('XADD', stream, 'MAXLEN', '~', events_kept, whole(now) .. '-0', 'run', run_name, ...) end
  if type(id) ~= 'string' then id = redis.pcall('XADD', stream, 'MAXLEN', '~', events_kept, '*', 'run', run_name, ...) end
  if type(id) == 'table' then refuse(id, stream) end
  keep()
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
  workflow_store.write()
  -- Every hint wakes the readers of the feed, so 'feed' is needed only without another hint.
  if is_fed and #hints == 0 then hint('feed') end
  if #hints > 0 then redis.call('PUBLISH', prefix .. key_names.changes, table.concat(hints, '\n')) end
end

local function announce(type, id, record)
  if not record.check then feed('type', type, 'id', id, 'version', whole(record.version), 'inc', record.inc)
  else feed('type', type, 'id', id, 'version', whole(record.version), 'inc', record.inc, 'check', record.check) end
  hint('workflow ' .. id)
end

-- Checks the types of the keys that a change of the tasks or of the life of a workflow changes.
local function expect_life(id)
  local record = workflow_store.load(id)
  if record and record.history_bytes > 0 then own_keys.expect('list', workflows.history_key(id)) end
  own_keys.expect('zset', workflows.tasks_key(id))
  own_keys.expect('zset', workflows.index_key('deadline'))
end

-- Starts of keys, made once for a call: each key is one more string.
local by_start, updated_key = workflows.index_key('by:'), workflows.index_key('updated')

-- `old`: the record before; nil if the id has no index entries. `part.index`: the new entries; `part.entries`: the same as JSON, if it is there.
local function index(id, record, part, old)
  local entries, updated, before, former = part.index, whole(record.updated), old and (old.indexed or old.updated), old and old.entries
  record.entries = part.entries or cjson.encode(entries)
  place(updated_key, updated, id, before)
  if not old then
    place(workflows.index_key('created'), whole(record.created), id)
    place(workflows.index_key('ids'), 0, id)
  end
  if not old or former == record.entries then
    for _, entry in ipairs(entries) do place(by_start .. entry, updated, id, before) end
    return
  end
  local had = {}
  for _, entry in ipairs(cjson.decode(former)) do had[entry] = true end
  for _, entry in ipairs(entries) do
    place(by_start .. entry, updated, id, had[entry] and before)
    had[entry] = nil
  end
  for entry in pairs(had) do displace(by_start .. entry, id, before) end
end

-- Puts the deadline into its index, in place of `due`.
local function index_deadline(id, record, due)
  local key, deadline = workflows.index_key('deadline'), record.deadline
  if deadline and (not due or deadline < due) then place(key, whole(deadline), id, due)
  elseif due and not deadline then displace(key, id, due) end
end

return { need_no_memory = need_no_memory, need_memory = need_memory, has_begun = has_begun, begin = begin, try = try, keep = keep, push = push, expect_life = expect_life,
  feed = feed, hint = hint, tell = tell, announce = announce, index = index,
  index_deadline = index_deadline }
