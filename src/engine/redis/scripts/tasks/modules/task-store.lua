--[[
  task-store: tasks in Redis, and their cache during a call.
  A task is a packed list without names, to save memory. Its terms (limits, back-off and so on) are one packed text inside the list. Most tasks of
  a queue have the same terms, so these are not unpacked and packed again for each task. New fields go last.

  A call reads and writes each task once. `cached` has the tasks that were read (false: absent). `unsaved` has the ids that write_tasks writes at
  the end. Payloads have the same two tables.
]]
local cached, unsaved = {}, {}
local payloads, unsaved_payloads = {}, {}
local MAX_PER_COMMAND = 1000

-- A value that is not a task counts as absent, so that it does not block other tasks.
local function unpacked(id, packed)
  cached[id] = false
  if not packed then return nil end
  local is_packed, task = pcall(task_fields.unpack, id, packed)
  if not is_packed or type(task.status) ~= 'string' then return nil end
  cached[id] = task
  return task
end

-- The task even past retention; nil when absent.
local function stored_task(id)
  if cached[id] == nil then return unpacked(id, redis.pcall('GET', task_keys.task(id))) end
  return cached[id] or nil
end

-- The task; nil when absent or past retention.
local function load_task(id)
  local task = stored_task(id)
  if not task or (task.kept_until and task.kept_until <= now) then return nil end
  return task
end

local function save_task(task)
  cached[task.id] = task
  unsaved[task.id] = true
end

local function payload_of(id)
  if payloads[id] == nil then payloads[id] = redis.call('GET', task_keys.payload(id)) end
  return payloads[id]
end

-- Bytes of the payload and its headers; the payload is not read for it.
local function payload_bytes(id)
  if payloads[id] ~= nil then return #(payloads[id] or '') end
  local bytes = redis.pcall('STRLEN', task_keys.payload(id))
  return type(bytes) == 'number' and bytes or 0
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
  cached[id], payloads[id] = false, false
  unsaved[id], unsaved_payloads[id] = nil, nil
end

-- Reads the tasks that are not cached yet with one command.
local function read_tasks(ids)
  local keys, missing = {}, {}
  for _, id in ipairs(ids) do
    if cached[id] == nil then
      missing[#missing + 1] = id
      keys[#keys + 1] = task_keys.task(id)
    end
  end
  if #keys < 2 then return end
  local packed = redis.call('MGET', unpack(keys))
  for i, id in ipairs(missing) do unpacked(id, packed[i]) end
end

local function read_payloads(ids)
  if #ids == 0 then return end
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = task_keys.payload(id) end
  local texts = redis.call('MGET', unpack(keys))
  for i, id in ipairs(ids) do
    if payloads[id] == nil then payloads[id] = texts[i] end
  end
end

local function in_chunks(command, list)
  for i = 1, #list, MAX_PER_COMMAND do redis.call(command, unpack(list, i, math.min(i + MAX_PER_COMMAND - 1, #list))) end
end

-- Ended tasks expire by themselves; dead ones wait for an operator or the sweep.
local function write_tasks()
  local set, gone = {}, {}
  for id in pairs(unsaved) do
    local task = cached[id]
    if task.kept_until and task.status ~= 'dead' then redis.call('SET', task_keys.task(id), task_fields.pack(task), 'PXAT', whole(task.kept_until))
    else
      set[#set + 1] = task_keys.task(id)
      set[#set + 1] = task_fields.pack(task)
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

-- Reads the tasks that the requests of this call name.
local function read_ahead(requests)
  local ids = {}
  for _, request in ipairs(requests) do
    ids[#ids + 1] = request.id or (request.ack or request.step or {}).id
  end
  read_tasks(ids)
end

return { MAX_PER_COMMAND = MAX_PER_COMMAND, stored = stored_task, load = load_task, save = save_task, payload_of = payload_of, payload_bytes = payload_bytes, save_payload = save_payload,
  drop_payload = drop_payload, forget = forget_task, read = read_tasks, read_payloads = read_payloads, write = write_tasks, read_ahead = read_ahead }
