--[[
  Common to the scripts that know tasks; behind writing.lua and once.lua. What becomes of a task is the same, step for step, in
  src/engine/memory/tasks/task-work.ts.
  call.limits  {mostOpen, resultMs, progressMs, deadMs, mostDead}
  A task goes out as the list of its fields (all text, '' for none) in the order of OUTSIDE; a claimed one in that of claimed_of.
]]
local PLACES_PER_PRIORITY = 2 ^ 44
local HIGHEST_PRIORITY = 9
local TIDIED_AT_ONCE = 100
local MOST_RELEASES = 20
local FAILURES_KEPT = 10
local PROGRESS_KEPT = 1000
local MOST_CANCELLED = 1000
local WORKER_SEEN_MS = 600000
local WORKER_NOTED_MS = 5000
-- No ended task is kept longer for its dedupe key.
local LONGEST_DEDUPE_MS = 86400000

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

--[[
  A task is one value, its fields in this order and without names: read and written as a whole, it costs a third of what a hash of them would,
  and a million waiting tasks do not carry the names a million times. New fields go last.
]]
local function pack_task(task)
  return cmsgpack.pack(task.queue, task.status, task.priority, task.attempt, task.max_attempts, task.releases, task.replays, task.workflow, task.created,
    task.ready, task.due, task.expires, task.is_timed, task.lease_ends, task.worker, task.cancel, task.reason, task.ended, task.token, task.backoff,
    task.lease, task.limit, task.place, task.started, task.held_lease, task.progress, task.has_failed, task.kept_until, task.deduped_until, task.dedupe, task.lent)
end

-- All fields at once, so that the table is made in its full size.
local function unpack_task(id, packed)
  local queue, status, priority, attempt, max_attempts, releases, replays, workflow, created, ready, due, expires, is_timed, lease_ends, worker, cancel,
    reason, ended, token, backoff, lease, limit, place, started, held_lease, progress, has_failed, kept_until, deduped_until, dedupe, lent
    = cmsgpack.unpack(packed)
  return { id = id, queue = queue, status = status, priority = priority, attempt = attempt, max_attempts = max_attempts, releases = releases,
    replays = replays, workflow = workflow, created = created, ready = ready, due = due, expires = expires, is_timed = is_timed, lease_ends = lease_ends,
    worker = worker, cancel = cancel, reason = reason, ended = ended, token = token, backoff = backoff, lease = lease, limit = limit, place = place,
    started = started, held_lease = held_lease, progress = progress, has_failed = has_failed, kept_until = kept_until, deduped_until = deduped_until,
    dedupe = dedupe, lent = lent }
end

-- What was ever written of a task, kept still or not.
local function stored_task(id)
  local packed = redis.call('GET', task_key(id))
  return packed and unpack_task(id, packed)
end

-- Nil when there is no such task, or it has ended and is not kept any longer.
local function load_task(id)
  local task = stored_task(id)
  if not task or (task.kept_until and task.kept_until <= now) then return nil end
  return task
end

-- One that has ended goes by itself; a dead one waits for somebody to look at it, or for the sweep.
local function save_task(task)
  if task.kept_until and task.status ~= 'dead' then redis.call('SET', task_key(task.id), pack_task(task), 'PXAT', task.kept_until)
  else redis.call('SET', task_key(task.id), pack_task(task)) end
end

local function is_open(task) return task.status == 'ready' or task.status == 'delayed' or task.status == 'leased' end

local function text_of(value) return type(value) == 'number' and whole(value) or value == true and '1' or value end

-- The same in task-replies.ts.
local OUTSIDE = { 'id', 'queue', 'status', 'priority', 'attempt', 'max_attempts', 'releases', 'replays', 'workflow', 'created', 'ready', 'due', 'expires',
  'lease_ends', 'worker', 'cancel', 'reason', 'ended' }
-- These stay behind when the task goes on.
local ONLY_WHILE = { ready = 'ready', due = 'delayed', lease_ends = 'leased' }

-- Those fields as texts, '' for none.
local function texts_of(task, names)
  local texts = {}
  for i, name in ipairs(names) do
    local is_meant = not ONLY_WHILE[name] or ONLY_WHILE[name] == task.status
    texts[i] = is_meant and task[name] and text_of(task[name]) or ''
  end
  return texts
end

local function fields_of(task) return texts_of(task, OUTSIDE) end

local function announce_task(event, task)
  if task.workflow then feed('type', event, 'id', task.id, 'queue', task.queue, 'workflow', task.workflow)
  else feed('type', event, 'id', task.id, 'queue', task.queue) end
  hint('task ' .. task.id)
  if task.status == 'ready' or task.status == 'delayed' then hint('queue ' .. task.queue) end
end
