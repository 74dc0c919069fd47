--[[
  move-task: writes a task of another store unchanged, or removes it. Idempotent.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: see tasks.lua; id; either remove (the expected stamp), or
             bytes of headers and payload, fields {name: value}, by their names in the scripts; failures, how many; events, a list of number and time; hasPayload, hasResult
             onConflict, replaces?, isDryRun   see decideTask in src/engine/moving/arrival.ts
  ARGV[5+] headers and payload if hasPayload, result if hasResult, the failures, the progress events
  Returns  see Arrived in arrival.ts; of a removal 'removed' or 'absent'; or 'fenced': nothing was written
]]
local id = call.id
local current = task_store.load(id)
local stamp = current and task_fields.stamp(current)

local function take_out(task)
  for _, kind in ipairs({ 'ready', 'delayed', 'leased', 'dead', 'expiring' }) do redis.call('ZREM', task_keys.queue(kind, task.queue), id) end
  create_task.remove(id)
end

if not call.isDryRun then
  if fence.refuses() then return 'fenced' end
  own_keys.expect('stream', prefix .. key_names.events)
  if current then create_task.expect_changeable(current) end
end

if call.remove then
  if stamp ~= call.remove then return 'absent' end
  take_out(current)
  feeding.hint('task ' .. id)
  finish_call.finish()
  return 'removed'
end

local task = { id = id }
for name, value in pairs(call.fields) do task[name] = value end

local function last_moment(one) return math.max(one.created, one.status == 'ready' and one.ready or 0, one.started or 0, one.ended or 0) end

local function arrival()
  if task.kept_until and task.kept_until <= now then return 'expired' end
  if not current then return 'created' end
  if stamp == task_fields.stamp(task) then return 'same' end
  if call.replaces == stamp then return 'updated' end
  if call.onConflict == 'fail' then return 'conflict' end
  return call.onConflict == 'newer' and last_moment(task) > last_moment(current) and 'updated' or 'kept'
end

local arrived = arrival()
if call.isDryRun or (arrived ~= 'created' and arrived ~= 'updated') then return arrived end

create_task.expect_creatable(id, task)
-- The first writes remove what was there before, which a full server accepts. So memory is checked before them.
full_server.need_no_memory()
full_server.need_memory()
local before = task_store.stored(id)
if before then take_out(before) end
local texts = 4
local function next_text()
  texts = texts + 1
  return ARGV[texts]
end
if call.hasPayload then redis.call('SET', task_keys.payload(id), next_text()) end
if call.hasResult then redis.call('SET', task_keys.result(id), next_text()) end
for _ = 1, call.failures do redis.call('RPUSH', task_keys.failures(id), next_text()) end
for _, event in ipairs(call.events) do
  redis.call('XADD', task_keys.progress(id), whole(event[1]) .. '-0', 'at', whole(event[2]), 'event', next_text())
end
task.has_failed = call.failures > 0 or nil
task.bytes = call.bytes
queue_settings.count(task, nil, task.status)
task_store.save(task)
redis.call('ZADD', prefix .. key_names.queues, 0, task.queue)
queue_times.sweep_by(task.queue, now)
local settings = task_keys.queue('settings', task.queue)
local sequence = task.place % limits.PLACES_PER_PRIORITY
if tonumber(redis.call('HGET', settings, 'sequence') or 0) < sequence then redis.call('HSET', settings, 'sequence', whole(sequence)) end
task_places.put(task, nil)

if task.workflow then
  local key, is_open = workflow_names.tasks_key(task.workflow), tasks.is_open(task)
  workflow_store.count_open_tasks(task.workflow, is_open and 1 or 0)
  redis.call('ZADD', key, is_open and whole(-task.created) or whole(task.ended), id)
  -- The moved workflow has its deadline without tasks; an open task removes it.
  if is_open then
    redis.call('PERSIST', key)
    task_places.update_hold(task.workflow)
  elseif not workflow_store.is_held(task.workflow) then
    redis.call('PEXPIREAT', key, whole(now + math.max(call.limits.resultMs, call.limits.deadMs, limits.MAX_DEDUPE_MS)))
  end
end
if task.ended then
  if task.status ~= 'dead' then
    if call.hasResult then redis.call('PEXPIREAT', task_keys.result(id), whole(task.kept_until)) end
    end_task.end_failures(task)
  end
  redis.call('PEXPIREAT', task_keys.progress(id), whole(task.ended + call.limits.progressMs))
end
if task.dedupe and task.deduped_until and task.deduped_until > now then
  local key = prefix .. key_names.dedupe .. task.dedupe
  local ends, other = string.match(redis.call('GET', key) or '', '^(%d+) (.+)$')
  if not other or tonumber(ends) <= now or not task_store.load(other) then
    redis.call('SET', key, whole(task.deduped_until) .. ' ' .. id, 'PXAT', whole(task.deduped_until))
  end
end
tasks.announce('task.imported', task)
finish_call.finish()
return arrived
