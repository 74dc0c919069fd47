--[[
  workflow-store: workflows in Redis, and their cache during a call. A call reads each workflow once; write() writes each changed one once, at the end.
]]
local loaded, remains, without_keys = {}, {}, {}
local changed = {}

-- Number of open tasks, by workflow. A change of a task changes it too.
local open_tasks = {}
local function open_tasks_of(id)
  if not open_tasks[id] then open_tasks[id] = redis.call('ZCOUNT', workflow_names.tasks_key(id), '-inf', '(0') end
  return open_tasks[id]
end
local function count_open_tasks(id, by) open_tasks[id] = by and open_tasks_of(id) + by end

-- A record of ours says it without its tasks: with a time to live, it has no deadline only while they hold it.
local function is_held(id)
  local record = loaded[id]
  if open_tasks[id] then return open_tasks[id] > 0 end
  if record and record.kind == 'ours' and record.ttl then return not record.deadline end
  return not without_keys[id] and open_tasks_of(id) > 0
end

-- The deadline that a workflow has now: none while open tasks hold it.
local function held_deadline(id, deadline, ttl)
  if not ttl or is_held(id) then return false end
  return deadline or now + ttl
end

local function write()
  for id in pairs(changed) do
    changed[id] = nil
    workflow_writes.write(id, loaded[id])
  end
end

-- The record of a workflow; see load in workflows.lua.
local function load(id, with)
  local record = loaded[id]
  local is_more = record and with and (not record.text or with == 'digest' and not record.is_sure)
  if record ~= nil and not is_more then return record or nil end
  if changed[id] then
    changed[id] = nil
    workflow_writes.write(id, loaded[id])
  end
  record, remains[id], without_keys[id] = workflows.load(id, with)
  loaded[id] = record or false
  if record then
    remains[id] = record.remains
    record.is_sure = with == 'digest'
  end
  return record
end

-- The record is written at the end; with `is_written` its text too.
local function save(id, record)
  loaded[id], remains[id], without_keys[id] = record, nil, false
  changed[id] = true
end

local function forget(id)
  loaded[id], remains[id], without_keys[id] = false, nil, nil
  changed[id] = nil
end

-- The meta of a workflow, also of an expired one that is not swept yet.
local function stored(id)
  local record = load(id)
  if remains[id] then return remains[id] end
  return record and record.kind ~= 'legacy' and record or nil
end

-- Whether the id is absent and has left nothing behind.
local function is_clean(id)
  if load(id) then return false end
  if without_keys[id] == nil then without_keys[id] = not workflow_names.is_any_key(id) end
  return without_keys[id]
end

return { load = load, save = save, forget = forget, stored = stored, is_clean = is_clean, open_tasks_of = open_tasks_of, count_open_tasks = count_open_tasks,
  is_held = is_held, held_deadline = held_deadline, write = write }
