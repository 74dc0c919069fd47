--[[
  Tasks as they lie in Redis, and as a call knows them.
  A task is a packed list, without names, which a million waiting tasks would carry a million times. Inside of it, as one text, is how it is to be
  treated: the tasks of a queue mostly share that, so it is neither read nor packed anew for each of them. New fields go last.
]]
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
  local is_packed, task = pcall(task_fields.unpack, id, packed)
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
