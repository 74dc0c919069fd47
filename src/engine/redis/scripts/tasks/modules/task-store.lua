--[[
  Tasks as they lie in Redis, and as a call knows them.
  A task is a packed list, without names, which a million waiting tasks would carry a million times. Inside of it, as one text, is how it is to be
  treated: the tasks of a queue mostly share that, so it is neither read nor packed anew for each of them. New fields go last.
]]
local function pack_terms(task)
  return cmsgpack.pack(task.queue, task.priority, task.max_attempts, task.backoff, task.lease, task.limit, task.is_timed, task.deduped_until, task.dedupe)
end

-- By their text. A task has them as if they were its own.
local terms_of = {}
local function terms(text)
  local found = terms_of[text]
  if not found then
    local queue, priority, max_attempts, backoff, lease, limit, is_timed, deduped_until, dedupe = cmsgpack.unpack(text)
    found = { __index = { terms = text, queue = queue, priority = priority, max_attempts = max_attempts, backoff = backoff, lease = lease, limit = limit,
      is_timed = is_timed, deduped_until = deduped_until, dedupe = dedupe, releases = 0, replays = 0 } }
    terms_of[text] = found
  end
  return found
end

-- What few tasks have; those have it by name.
local function rare_of(task)
  if task.due or task.cancel or task.reason or task.progress or task.has_failed or task.releases > 0 or task.replays > 0 then
    return { due = task.due, cancel = task.cancel, reason = task.reason, progress = task.progress, has_failed = task.has_failed, releases = task.releases,
      replays = task.replays }
  end
  return nil
end

local function pack_task(task)
  return cmsgpack.pack(task.terms or pack_terms(task), task.workflow, task.created, task.status, task.attempt, task.ready, task.expires, task.lease_ends,
    task.worker, task.token, task.place, task.started, task.held_lease, task.ended, task.kept_until, task.lent, task.lent_token,
    rare_of(task))
end

-- Up to sixteen fields at once: the table is made in that size, a power of two, and with one more it would be twice as large.
local function unpack_task(id, packed)
  local text, workflow, created, status, attempt, ready, expires, lease_ends, worker, token, place, started, held_lease, ended, kept_until, lent, lent_token,
    rare = cmsgpack.unpack(packed)
  local task = { id = id, workflow = workflow, created = created, status = status, attempt = attempt, ready = ready, expires = expires,
    lease_ends = lease_ends, worker = worker, token = token, place = place, started = started, held_lease = held_lease, ended = ended,
    kept_until = kept_until }
  if lent then task.lent, task.lent_token = lent, lent_token end
  if rare then
    for name, value in pairs(rare) do task[name] = value end
  end
  return setmetatable(task, terms(text))
end

--[[
  A call reads a task once and writes it once, whatever becomes of it between: `at_hand` is what it knows (false for what is not there), `unsaved` what
  write_tasks has to write at the end. The same for payloads, which nothing changes.
]]
local at_hand, unsaved = {}, {}
local payloads, unsaved_payloads = {}, {}
local AT_ONCE = 1000

-- What is no task of ours is as if it was not there: it must not stand in the way of the others.
local function unpacked(id, packed)
  at_hand[id] = false
  if not packed then return nil end
  local is_packed, task = pcall(unpack_task, id, packed)
  if not is_packed or type(task.status) ~= 'string' then return nil end
  at_hand[id] = task
  return task
end

-- What was ever written of a task, kept still or not.
local function stored_task(id)
  if at_hand[id] == nil then return unpacked(id, redis.pcall('GET', task_keys.task(id))) end
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
  if payloads[id] == nil then payloads[id] = redis.call('GET', task_keys.payload(id)) end
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
  at_hand[id], payloads[id] = false, false
  unsaved[id], unsaved_payloads[id] = nil, nil
end

-- Reads all of them with one command, those that are not at hand yet.
local function read_tasks(ids)
  local keys, missing = {}, {}
  for _, id in ipairs(ids) do
    if at_hand[id] == nil then
      missing[#missing + 1] = id
      keys[#keys + 1] = task_keys.task(id)
    end
  end
  if #keys < 2 then return end
  local packed = redis.call('MGET', unpack(keys))
  for i, id in ipairs(missing) do unpacked(id, packed[i]) end
end

local function read_payloads(ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = task_keys.payload(id) end
  local texts = redis.call('MGET', unpack(keys))
  for i, id in ipairs(ids) do
    if payloads[id] == nil then payloads[id] = texts[i] end
  end
end

local function in_chunks(command, list)
  for i = 1, #list, AT_ONCE do redis.call(command, unpack(list, i, math.min(i + AT_ONCE - 1, #list))) end
end

-- One that has ended goes by itself; a dead one waits for somebody to look at it, or for the sweep.
local function write_tasks()
  local set, gone = {}, {}
  for id in pairs(unsaved) do
    local task = at_hand[id]
    if task.kept_until and task.status ~= 'dead' then redis.call('SET', task_keys.task(id), pack_task(task), 'PXAT', whole(task.kept_until))
    else
      set[#set + 1] = task_keys.task(id)
      set[#set + 1] = pack_task(task)
    end
  end
  for id in pairs(unsaved_payloads) do
    if payloads[id] then
      set[#set + 1] = task_keys.payload(id)
      set[#set + 1] = payloads[id]
    else gone[#gone + 1] = task_keys.payload(id) end
  end
  in_chunks('MSET', set)
  in_chunks('UNLINK', gone)
end

-- The tasks that the requests of this call name.
local function read_ahead()
  local ids = {}
  for _, request in ipairs(call.requests) do
    ids[#ids + 1] = request.id or (request.ack or request.step or {}).id
  end
  read_tasks(ids)
end

return { AT_ONCE = AT_ONCE, stored = stored_task, load = load_task, save = save_task, payload_of = payload_of, save_payload = save_payload,
  drop_payload = drop_payload, forget = forget_task, read = read_tasks, read_payloads = read_payloads, write = write_tasks, read_ahead = read_ahead }
