-- Keys of queues and tasks. Queue keys are cached, since the requests of a call use the same ones often.
local queue_keys = { ready = {}, delayed = {}, leased = {}, dead = {}, expiring = {}, settings = {}, workers = {}, rate = {} }
local function queue_key(kind, queue)
  local keys = queue_keys[kind]
  local key = keys[queue]
  if not key then
    key = prefix .. key_names.queue .. kind .. ':' .. queue
    keys[queue] = key
  end
  return key
end
local function task_key(id) return prefix .. key_names.task .. id end
local function payload_key(id) return prefix .. key_names.payload .. id end
local function result_key(id) return prefix .. key_names.result .. id end
local function failures_key(id) return prefix .. key_names.failures .. id end
local function progress_key(id) return prefix .. key_names.progress .. id end

-- Checks the types of the keys of a queue. A queue that has a time has a name.
local function expect_queue(queue)
  if not queue_times.of(queue) then own_keys.expect('zset', prefix .. key_names.queues) end
  own_keys.expect('hash', queue_key('settings', queue))
  for _, kind in ipairs({ 'ready', 'delayed', 'leased', 'dead', 'expiring', 'workers' }) do own_keys.expect('zset', queue_key(kind, queue)) end
end

return { expect_queue = expect_queue, queue = queue_key, task = task_key, payload = payload_key, result = result_key, failures = failures_key, progress = progress_key }
