--[[
  Common to the scripts that know tasks: tasks as they lie in Redis, and as a call knows them; behind tasks.lua.
  A task is two packed lists, the one with what it was enqueued with inside the other: so a change packs only what changes. Without names, which a
  million waiting tasks would carry a million times. New fields go last.
]]
local function pack_made(task)
  return cmsgpack.pack(task.queue, task.priority, task.max_attempts, task.workflow, task.created, task.is_timed, task.backoff, task.lease, task.limit,
    task.deduped_until, task.dedupe)
end

-- By id, for a field more would make the table of every task twice as large.
local made_of = {}
local function pack_task(task)
  local id = task.id
  made_of[id] = made_of[id] or pack_made(task)
  return cmsgpack.pack(made_of[id], task.status, task.attempt, task.releases, task.replays, task.ready, task.due, task.expires, task.lease_ends, task.worker,
    task.cancel, task.reason, task.ended, task.token, task.place, task.started, task.held_lease, task.progress, task.has_failed, task.kept_until, task.lent)
end

-- All fields at once, so that the table is made in its full size (32, which is a power of two).
local function unpack_task(id, packed)
  local made, status, attempt, releases, replays, ready, due, expires, lease_ends, worker, cancel, reason, ended, token, place, started, held_lease, progress,
    has_failed, kept_until, lent = cmsgpack.unpack(packed)
  local queue, priority, max_attempts, workflow, created, is_timed, backoff, lease, limit, deduped_until, dedupe = cmsgpack.unpack(made)
  made_of[id] = made
  return { id = id, queue = queue, status = status, priority = priority, attempt = attempt, max_attempts = max_attempts, releases = releases,
    replays = replays, workflow = workflow, created = created, ready = ready, due = due, expires = expires, is_timed = is_timed, lease_ends = lease_ends,
    worker = worker, cancel = cancel, reason = reason, ended = ended, token = token, backoff = backoff, lease = lease, limit = limit, place = place,
    started = started, held_lease = held_lease, progress = progress, has_failed = has_failed, kept_until = kept_until, deduped_until = deduped_until,
    dedupe = dedupe, lent = lent }
end

--[[
  A call reads a task once and writes it once, whatever becomes of it between: `at_hand` is what it knows (false for what is not there), `unsaved` what
  write_tasks has to write at the end. The same for payloads, which nothing changes.
]]
local at_hand, unsaved = {}, {}
local payloads, unsaved_payloads = {}, {}
local AT_ONCE = 1000

local function unpacked(id, packed)
  at_hand[id] = packed and unpack_task(id, packed)
  return at_hand[id] or nil
end

-- What was ever written of a task, kept still or not.
local function stored_task(id)
  if at_hand[id] == nil then return unpacked(id, redis.call('GET', task_key(id))) end
  return at_hand[id] or nil
end

-- Nil when there is no such task, or it has ended and is not kept any longer.
local function load_task(id)
  local task = stored_task(id)
  if not task or (task.kept_until and task.kept_until <= now) then return nil end
  return task
end

local function save_task(task)
  at_hand[task.id] = task
  unsaved[task.id] = true
end

local function payload_of(id)
  if payloads[id] == nil then payloads[id] = redis.call('GET', payload_key(id)) end
  return payloads[id]
end

local function save_payload(id, payload)
  payloads[id] = payload
  unsaved_payloads[id] = true
end

local function drop_payload(id)
  payloads[id] = false
  unsaved_payloads[id] = true
end

local function forget_task(id)
  at_hand[id], made_of[id], payloads[id] = false, nil, false
  unsaved[id], unsaved_payloads[id] = nil, nil
end

-- Reads all of them with one command, those that are not at hand yet.
local function read_tasks(ids)
  local keys, missing = {}, {}
  for _, id in ipairs(ids) do
    if at_hand[id] == nil then
      missing[#missing + 1] = id
      keys[#keys + 1] = task_key(id)
    end
  end
  if #keys < 2 then return end
  local packed = redis.call('MGET', unpack(keys))
  for i, id in ipairs(missing) do unpacked(id, packed[i]) end
end

local function read_payloads(ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = payload_key(id) end
  local texts = redis.call('MGET', unpack(keys))
  for i, id in ipairs(ids) do
    if payloads[id] == nil then payloads[id] = texts[i] end
  end
end

-- Commands of many keys, sent when there are enough of them.
local function gathering(command)
  local rest = {}
  local function send()
    if #rest > 0 then redis.call(command, unpack(rest)) end
    rest = {}
  end
  return function(...)
    for i = 1, select('#', ...) do rest[#rest + 1] = select(i, ...) end
    if #rest >= AT_ONCE then send() end
  end, send
end

-- One that has ended goes by itself; a dead one waits for somebody to look at it, or for the sweep.
local function write_tasks()
  local set, set_rest = gathering('MSET')
  local unlink, unlink_rest = gathering('UNLINK')
  for id in pairs(unsaved) do
    local task = at_hand[id]
    if task.kept_until and task.status ~= 'dead' then redis.call('SET', task_key(id), pack_task(task), 'PXAT', whole(task.kept_until))
    else set(task_key(id), pack_task(task)) end
  end
  for id in pairs(unsaved_payloads) do
    if payloads[id] then set(payload_key(id), payloads[id]) else unlink(payload_key(id)) end
  end
  set_rest()
  unlink_rest()
end

-- The tasks that the requests of this call name.
local function read_ahead()
  local ids = {}
  for _, request in ipairs(call.requests) do
    local named = request.ack or request.step
    if named then ids[#ids + 1] = named.id end
  end
  read_tasks(ids)
end
