--[[
  Where everything about queues and tasks lies.
]]
-- Made once for each, for a call of many requests asks for the same ones over and over.
local queue_keys = { ready = {}, delayed = {}, leased = {}, dead = {}, expiring = {}, settings = {}, workers = {}, rate = {} }
local function queue_key(kind, queue)
  local keys = queue_keys[kind]
  local key = keys[queue]
  if not key then
    key = prefix .. 'queue:' .. kind .. ':' .. queue
    keys[queue] = key
  end
  return key
end
local function task_key(id) return prefix .. 'task:' .. id end
local function payload_key(id) return prefix .. 'payload:' .. id end
local function result_key(id) return prefix .. 'result:' .. id end
local function failures_key(id) return prefix .. 'failures:' .. id end
local function progress_key(id) return prefix .. 'progress:' .. id end

return { queue = queue_key, task = task_key, payload = payload_key, result = result_key, failures = failures_key, progress = progress_key }
