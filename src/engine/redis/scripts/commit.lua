--[[
  commit: checks everything, then writes everything.
  KEYS     the state keys of all workflows named (they route the script; the others follow from the prefix)
  ARGV[4]  the plan, JSON made by the service: numbers, ids, expectations and index entries, never a state:
             replica, epoch                      which connection sends it; another epoch than the latest is refused
             historyLimit, historyMaxBytes
             once    [{key, fingerprint, keepMs, memo?, keepStates?, first, last}]  positions of its results
             puts    [{part, at, id, expect?, mustExist, inc, index: ["field=value"], ttls, abouts: [text]}]
                     one version for each about and ttl, oldest first
             deletes [{at, id, expect?}]    touches [{at, id, expect?, ttl}]
             ack {id, token}   enqueue [see create_task]   publish [{channel, type}]   cancelTasksOf [id]   claim {see claim}
             limits                         see tasks.lua
             wantState                      a conflict brings the current state
             checkOnly                      stop when everything has been checked: {'fine'}
           ttl: milliseconds, 'never' or 'keep'; expect: {version}, {etags}, {exists} or {incarnation}
  ARGV[5+] the states, in the order of the versions; the result of the acknowledged task; headers and payloads of tasks; payloads of messages
  Returns  {'done', result…}, or {'done', {result…}, {task…}, {event id…}, claimed} when the plan is about tasks
                                             a result is "<id> <inc> <version> <created> <updated> <deadline> <1 when created>"; see tasks.lua
           {'replayed', kept, claimed} {'mismatch'}   one once key, known
           {'lost' | 'cancelled' | 'unknown', 'ack', 0}   the lease is another's   {'full', queue, position}   {'too-many', id}
           {'known', position…}              several once keys, some of them known; nothing written
           {'conflict', part, at, line?, state?}  {'missing', part, at}  {'adopt', id}  {'fenced'}  nothing written
]]
local LARGEST_KEPT_STATE = 16384
local puts, deletes, touches = plan.puts or {}, plan.deletes or {}, plan.touches or {}
local enqueue, publish, cancels = plan.enqueue or {}, plan.publish or {}, plan.cancelTasksOf or {}

-- 1. The fence, what has happened before, and the lease of the task to be acknowledged.
local known = happened()
if known then
  if known[1] == 'replayed' and plan.limits then known[3] = again(cjson.decode(known[2]).lent or {}) end
  return known
end
local acked
if plan.ack then
  local why
  acked, why = leased_task(plan.ack.id, plan.ack.token)
  if why then return { why, 'ack', 0 } end
end

-- 2. Every expectation.
local function holds(expect, record)
  if expect.exists ~= nil then return expect.exists == (record ~= nil) end
  if not record then return false end
  if expect.version then return expect.version == record.version end
  if expect.incarnation then return expect.incarnation == record.inc end
  local etag = '"' .. record.inc .. '-' .. whole(record.version) .. '"'
  for _, wanted in ipairs(expect.etags) do
    if wanted == etag then return true end
  end
  return false
end

local current = {}
local function refusal(name, part)
  local record = load(part.id)
  current[part.id] = record
  if part.expect and not holds(part.expect, record) then
    if not record then return { 'conflict', name, part.at } end
    local state = plan.wantState and redis.call('GET', state_key(part.id)) or nil
    return { 'conflict', name, part.at, line_of(record), state }
  end
  if part.mustExist and not record then return { 'missing', name, part.at } end
  return nil
end
for _, part in ipairs(puts) do
  local refused = refusal(part.part, part)
  if refused then return refused end
end
for _, part in ipairs(deletes) do
  part.mustExist = true
  local refused = refusal('deletes', part)
  if refused then return refused end
end
for _, part in ipairs(touches) do
  part.mustExist = true
  local refused = refusal('touches', part)
  if refused then return refused end
end
-- A touch does not bring the state's index entries, so a value of another program is adopted first.
for _, part in ipairs(touches) do
  if current[part.id].kind ~= 'ours' then return { 'adopt', part.id } end
end

-- So does a task that would hold one.
for _, task in ipairs(enqueue) do
  local record = task.workflow and load(task.workflow)
  local is_written = false
  for _, part in ipairs(puts) do is_written = is_written or part.id == task.workflow end
  if record and record.kind ~= 'ours' and not is_written then return { 'adopt', task.workflow } end
end
for _, id in ipairs(cancels) do
  if open_tasks_of(id) > MOST_CANCELLED then return { 'too-many', id } end
end
local full = without_room(enqueue, acked)
if full then return { 'full', enqueue[full].queue, full - 1 } end

if plan.checkOnly then return { 'fine' } end

-- 3. From here on only writes. When something is to be stored, the first one needs memory, so a server without any refuses all of
-- it; a commit that only deletes or acknowledges passes even then.
local results, states = {}, {}
local texts = 5
for _, part in ipairs(puts) do texts = texts + #part.abouts end
local function next_text()
  texts = texts + 1
  return ARGV[texts - 1]
end
if #puts + #touches + #enqueue + #publish == 0 then need_no_memory() end

-- Tasks first: whether any of them holds a workflow must be known when that is written.
local tasks, events = {}, {}
if acked then finish(acked, next_text()) end
for _, id in ipairs(cancels) do cancel_all_of(id) end
for i, spec in ipairs(enqueue) do tasks[i] = create_task(spec, next_text()) end
local function result(id, record, created) results[#results + 1] = { id, record, created } end

local function line_of_result(one)
  local id, record = one[1], one[2]
  -- What a claim puts right on its way can end the last task that held the workflow.
  local deadline = plan.claim and redis.call('HGET', meta_key(id), 'deadline') or deadline_text(record.deadline)
  return id .. ' ' .. record.inc .. ' ' .. whole(record.version) .. ' ' .. whole(record.created) .. ' ' .. whole(record.updated) .. ' ' .. deadline .. ' ' ..
    (one[3] and '1' or '0')
end

-- Deadline and time to live.
local function life(id, ttl, record)
  if ttl == 'never' then return false, false end
  if ttl ~= 'keep' then return held_deadline(id, now + ttl, ttl), ttl end
  if record then return held_deadline(id, record.deadline, record.ttl), record.ttl end
  return held_deadline(id, now + default_ttl, default_ttl), default_ttl
end

local next_state = 5
local function put(part)
  local id = part.id
  local old = current[id]
  local record, earlier, versions = old, {}, {}
  local record_state = old and plan.historyLimit > 0 and redis.call('GET', state_key(id)) or nil
  for i, about in ipairs(part.abouts) do
    local state = ARGV[next_state]
    next_state = next_state + 1
    -- One that is too large for the whole history is left out, and not the others with it.
    if record and record_state and #record_state <= plan.historyMaxBytes then
      earlier[#earlier + 1] = whole(record.version) .. ' ' .. whole(record.updated) .. ' ' .. deadline_text(record.deadline) .. ' ' .. record.about .. '\n' .. record_state
    end
    local deadline, ttl = life(id, part.ttls[i], record)
    record = {
      inc = record and record.inc or part.inc,
      version = record and record.version + 1 or 1,
      created = record and record.created or now,
      updated = record and math.max(now, record.updated) or now,
      deadline = deadline, ttl = ttl, bytes = #state, about = about, kind = 'ours',
    }
    record_state = state
    versions[i] = record
    result(id, record, record.version == 1)
    -- A put's state is in the request; only what a patch came to is worth keeping.
    if part.part == 'patches' then states[#results] = state end
  end
  local deadline = record.deadline

  if deadline then redis.call('SET', state_key(id), record_state, 'PXAT', whole(deadline))
  else redis.call('SET', state_key(id), record_state) end
  local is_new = not old or old.kind == 'legacy'
  if is_new then
    -- What an expired or deleted life of the id left behind.
    announce_end(id)
    unindex(id)
    redis.call('DEL', meta_key(id), history_key(id))
  end
  local history_bytes = is_new and 0 or old.history_bytes
  local count
  for _, entry in ipairs(earlier) do
    count = redis.call('LPUSH', history_key(id), entry)
    history_bytes = history_bytes + #entry - string.find(entry, '\n', 1, true)
  end
  if not count then count = is_new and 0 or redis.call('LLEN', history_key(id)) end
  while count > 0 and (count > plan.historyLimit or history_bytes > plan.historyMaxBytes) do
    local oldest = redis.call('RPOP', history_key(id))
    history_bytes = history_bytes - (#oldest - string.find(oldest, '\n', 1, true))
    count = count - 1
  end
  write_meta(id, record, history_bytes)
  set_deadline(id, deadline, false)
  index(id, record, part.index, is_new)
  -- The value of another program was a version too.
  if old and old.kind ~= 'ours' then announce('workflow.adopted', id, old) end
  for i, version in ipairs(versions) do
    local is_restored = version.version > 1 and string.find(part.abouts[i], '"cause":"restore"', 1, true)
    announce(version.version == 1 and 'workflow.created' or is_restored and 'workflow.restored' or 'workflow.updated', id, version)
  end
end
for _, part in ipairs(puts) do put(part) end

for _, part in ipairs(touches) do
  local record = current[part.id]
  record.deadline, record.ttl = life(part.id, part.ttl, record)
  redis.call('HSET', meta_key(part.id), 'deadline', deadline_text(record.deadline), 'ttl', deadline_text(record.ttl))
  set_deadline(part.id, record.deadline, true)
  index_deadline(part.id, record.deadline)
  redis.call('PUBLISH', prefix .. 'changes', 'workflow ' .. part.id)
  result(part.id, record, false)
end

for _, part in ipairs(deletes) do
  remove(part.id)
  announce('workflow.deleted', part.id, current[part.id])
end

if #publish > 0 then
  local epoch = epoch_of_feed(string.sub(plan.epoch, 1, 8))
  for i, message in ipairs(publish) do
    events[i] = event_id(feed('type', message.type, 'channel', message.channel, 'payload', next_text()), epoch)
  end
  redis.call('PUBLISH', prefix .. 'changes', 'feed')
end
local claimed, lent = {}, {}
if plan.claim then
  claimed = claim(plan.claim)
  lent = lent_of(claimed)
end

-- 4. The outcome, beside the effect.
for i, one in ipairs(results) do results[i] = line_of_result(one) end
for _, once in ipairs(plan.once) do
  local kept = { results = {}, memo = once.memo, states = {} }
  if plan.limits then kept.tasks, kept.events, kept.lent = tasks, events, lent end
  for i = once.first, once.last do
    kept.results[#kept.results + 1] = results[i]
    if once.keepStates then kept.states[#kept.states + 1] = states[i] and #states[i] <= LARGEST_KEPT_STATE and states[i] or '' end
  end
  keep(once, kept)
end
if not plan.limits then return { 'done', unpack(results) } end
return { 'done', results, tasks, events, claimed }
