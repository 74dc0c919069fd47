--[[
  commit: checks everything, then writes everything.
  The request, JSON made by the service: numbers, ids, expectations and index entries, never a state:
             once    [{key, fingerprint, keepMs, memo?, first?, last?}]  keeps the results from first to last; by default all
             puts    [{part?, at, id, expect?, mustExist?, inc, index: ["field=value"], entries?, ttls, abouts: [text], checks: [text], digest}]
                     one version for each about, ttl and check, oldest first; entries: the index as JSON; digest: that of the last state
             deletes [{at, id, expect?}]    touches [{at, id, expect?, ttl}]
             ack {id, token}   enqueue [see create-task.lua]   publish [{channel, type}]   cancelTasksOf [id]   claim {see claim-tasks.lua}
             board {see board.lua}
             resolves [{id, n}]              conflict records to delete
             drained {recovered? {id: version}, outcomes? [{key, fingerprint, keepMs, kept}]}   see Drained in commit.ts
             wantState                      a conflict replies with the current state
             checkOnly                      only check: replies {'fine'}
           ttl: milliseconds, 'never' or 'keep'; expect: {version}, {etags}, {exists} or {incarnation}
  Its texts  states in the order of the versions; result of the acknowledged task; headers and payloads of tasks; payloads of messages;
             notices and entries of the board
  The call   see call.lua; historyLimit, historyMaxBytes; limits (see tasks.lua) if any request is about tasks
  Its reply  {'done', result…}, or {'done', {result…}, {task…}, {event id…}, claimed} if the call has limits
                                             results: see once-values.lua; tasks: see tasks.lua
             {'replayed', kept, claimed} {'mismatch'}   with one once key, if it is known
             {'known', key…}                    with several once keys: the known ones; nothing written
             {'conflict', id, part, at, line?, state?}   {'missing', id, part, at}   {'adopt', id}   {'no-conflict', id, n}
             {'lost' | 'cancelled' | 'unknown', id of the task}   {'full', queue, limit, position, 'tasks' or 'bytes'}   {'too-many', id}   nothing written
]]
-- An empty list that nobody changes.
local NONE = {}

-- The refusal of one part, if its expectation does not hold. Puts the current record into `current`.
local function refusal(name, part, current, wants_state)
  -- A condition and the history need the state that is really there.
  local record = workflow_store.load(part.id, (part.expect or (part.abouts and call.historyLimit > 0)) and 'digest')
  current[part.id] = record
  if record and record.kind == 'taken' then own_keys.taken(workflow_names.state_key(part.id)) end
  if part.expect and not expectations.holds(part.expect, record) then
    if not record then return { 'conflict', part.id, name, part.at } end
    local state = wants_state and record.text or nil
    return { 'conflict', part.id, name, part.at, workflows.line_of(record), state }
  end
  if part.mustExist and not record then return { 'missing', part.id, name, part.at } end
  return nil
end

local function first_refusal(request, current)
  local refused
  for _, part in ipairs(request.puts or NONE) do
    refused = refusal(part.part or 'puts', part, current, request.wantState)
    if refused then return refused end
  end
  if not request.deletes and not request.touches then return nil end
  for _, name in ipairs({ 'deletes', 'touches' }) do
    for _, part in ipairs(request[name] or NONE) do
      part.mustExist = true
      refused = refusal(name, part, current, request.wantState)
      if refused then return refused end
    end
  end
  -- A touch has no index entries, so a value of another program must be adopted first.
  for _, part in ipairs(request.touches or NONE) do
    if current[part.id].kind ~= 'ours' then return { 'adopt', part.id } end
  end
  return nil
end

local function refusal_of_tasks(request, acked)
  -- A value of another program must be adopted before a task can hold it.
  for _, spec in ipairs(request.enqueue or NONE) do
    local id = spec.task.workflow
    local record = id and workflow_store.load(id)
    local is_written = false
    for _, part in ipairs(request.puts or NONE) do is_written = is_written or part.id == id end
    if record and record.kind ~= 'ours' and not is_written then return { 'adopt', id } end
  end
  for _, id in ipairs(request.cancelTasksOf or NONE) do
    if workflow_store.open_tasks_of(id) > limits.MAX_CANCELLED then return { 'too-many', id } end
  end
  if not request.enqueue or request.drained then return nil end
  local full, limit, unit = create_task.first_over_limit(request.enqueue, acked)
  return full and { 'full', request.enqueue[full].task.queue, whole(limit), full - 1, unit } or nil
end

-- A put over nothing, or over a version of ours: its writes find out that a key has another type, and are then taken back.
local function is_plain(part, old)
  if old then return old.kind ~= 'legacy' end
  return workflow_store.is_clean(part.id)
end

local function is_puts_only(request, current)
  if call.limits or request.deletes or request.touches or request.resolves then return false end
  for _, part in ipairs(request.puts or NONE) do
    if not is_plain(part, current[part.id]) then return false end
  end
  return true
end

-- Whether the first write removes something, which a full server accepts. The first write of a plain put stores something.
local function removes_first(request, current)
  for _, part in ipairs(request.puts or NONE) do
    if is_plain(part, current[part.id]) then return false end
  end
  return request.puts or request.deletes or request.resolves
end

-- Checks the types of the keys that the request changes: an error after the first write would leave half a commit.
local function expect_types(request, current, acked)
  own_keys.expect('stream', prefix .. key_names.events)
  own_keys.expect('zset', workflow_names.index_key('deadline'))
  for _, part in ipairs(request.puts or NONE) do
    if not is_plain(part, current[part.id]) then removal.expect_workflow(part.id, part.index) end
  end
  for _, part in ipairs(request.touches or NONE) do removal.expect_life(part.id) end
  for _, part in ipairs(request.deletes or NONE) do removal.expect_workflow(part.id, {}) end
  for _, conflict in ipairs(request.resolves or NONE) do own_keys.expect('string', conflict_records.state_key(conflict.id, conflict.n)) end
  if request.board then board.expect(request.board.board) end
  if #(request.publish or NONE) > 0 then own_keys.expect('string', prefix .. key_names.eventsEpoch) end
  if not call.limits then return end
  if acked then create_task.expect_changeable(acked) end
  for _, spec in ipairs(request.enqueue or NONE) do create_task.expect_creatable(spec.id, spec.task) end
  for _, id in ipairs(request.cancelTasksOf or NONE) do create_task.expect_cancellable(id) end
  if request.claim then claim_tasks.expect_claim(request.claim) end
end

-- New deadline and time to live.
local function life(id, ttl, record, drained)
  if ttl == 'never' then return false, false end
  if ttl ~= 'keep' then
    -- A drained write may be older than the record: never shorten its life.
    if drained and record then
      if not record.ttl then return false, false end
      if record.deadline then ttl = math.max(ttl, record.deadline - now) end
    end
    return workflow_store.held_deadline(id, now + ttl, ttl), ttl
  end
  if record then return workflow_store.held_deadline(id, record.deadline, record.ttl), record.ttl end
  if not default_ttl then return false, false end
  return workflow_store.held_deadline(id, now + default_ttl, default_ttl), default_ttl
end

-- The versions of a put, oldest first, and what goes into the history.
local function make_versions(part, old, text_at, drained)
  local record, earlier, versions = old, {}, {}
  local recovered = drained and drained.recovered and drained.recovered[part.id]
  local record_state = old and call.historyLimit > 0 and old.text or nil
  if record_state == '' then record_state = nil end
  for i, about in ipairs(part.abouts) do
    local state = ARGV[text_at + i - 1]
    -- A version that alone exceeds the limit is left out, so that it does not push out the others.
    if record and record_state and #record_state <= call.historyMaxBytes then
      earlier[#earlier + 1] = workflow_names.version_header(record) .. '\n' .. record_state
    end
    local version = meta_fields.new(record and record.inc or part.inc)
    if record then version.created, version.updated = record.created, math.max(now, record.updated) end
    version.version = math.max(record and record.version or 0, recovered or 0) + 1
    version.deadline, version.ttl = life(part.id, part.ttls[i], record, drained)
    version.bytes, version.about, version.check, version.digest = #state, about, part.checks[i], part.digest
    version.is_sure, version.is_written = true, true
    record = version
    record_state = state
    versions[i] = record
  end
  record.text = record_state
  return versions, earlier, recovered
end

--[[
  First half of a put: the writes that may meet a key of another type. `text_at` is where its states begin. `is_alone`: the request has only puts, so
  nothing changes the deadline any more.
]]
local function begin_put(part, old, text_at, drained, is_alone)
  local id = part.id
  local versions, earlier, recovered = make_versions(part, old, text_at, drained)
  local record = versions[#versions]
  record.entries = part.entries or cjson.encode(part.index)
  local put = { part = part, old = old, is_plain = is_plain(part, old), versions = versions, earlier = earlier, recovered = recovered, record = record,
    count = false }
  local before = put.is_plain and old or nil
  if before then
    record.history_bytes, record.history_ends, record.ends, record.due = before.history_bytes, before.history_ends, before.ends, before.due
  end
  if not put.is_plain then return put end
  for _, entry in ipairs(earlier) do put.count = history_writes.add(id, record, entry) end
  indexing.index(id, record, part.index, old and (old.indexed or old.updated), old and old.entries)
  if is_alone then indexing.index_deadline(id, record) end
  return put
end

-- Second half of a put. Calls result(id, record, is new) for each version.
local function end_put(put, drained, is_alone, result)
  local part, old, record = put.part, put.old, put.record
  local id = part.id
  if not put.is_plain then
    -- Removes the remains of an expired or deleted workflow with this id.
    removal.clear(id)
    for _, entry in ipairs(put.earlier) do put.count = history_writes.add(id, record, entry) end
    indexing.index(id, record, part.index)
  end
  if not is_alone then
    local last = #part.abouts
    record.deadline, record.ttl = life(id, part.ttls[last], put.versions[last - 1] or old, drained)
  end
  -- The value of another program counts as a version.
  if old and old.kind ~= 'ours' then feeding.announce('workflow.adopted', id, old) end
  for i, version in ipairs(put.versions) do
    local is_new = not old and i == 1
    if is_new then feeding.announce('workflow.created', id, version) else feeding.announce_next(id, version) end
    result(id, version, is_new)
  end
  if put.recovered then feeding.announce('workflow.recovered', id, record) end
  history_writes.trim(id, record, put.count)
  workflow_store.save(id, record)
end

local function touch(part, record, drained)
  record.deadline, record.ttl = life(part.id, part.ttl, record, drained)
  workflow_store.save(part.id, record)
  feeding.hint('workflow ' .. part.id)
end

-- True if the once key, or its alias, is derived from the lease token. A known token then means that this request was applied before.
local function is_of_lease(request)
  local once = request.once[1]
  return once.isLease or once.alias ~= nil
end

perform.commit = function(request)
  local puts, deletes, touches = request.puts or NONE, request.deletes or NONE, request.touches or NONE
  local enqueue, publish = request.enqueue or NONE, request.publish or NONE

  -- 1. Once keys, and the lease of the acknowledged task.
  local known = claim_tasks.replay_of(request)
  if known then return known end
  local acked, why
  if request.ack then
    acked, why = end_task.leased_task(request.ack.id, request.ack.token)
    if why then return is_of_lease(request) and claim_tasks.ended_by(request.ack.id, request.ack.token) or { why, request.ack.id } end
  end

  -- 2. Expectations and limits.
  local current = {}
  local refused = first_refusal(request, current)
  for _, conflict in ipairs(request.resolves or NONE) do
    if not refused and not conflict_records.read(conflict.id, conflict.n) then refused = { 'no-conflict', conflict.id, conflict.n } end
  end
  if not refused and call.limits then refused = refusal_of_tasks(request, acked) end
  if refused then return refused end
  if request.checkOnly then return { 'fine' } end
  local is_alone = is_puts_only(request, current)
  if not is_alone then expect_types(request, current, acked) end

  -- 3. Only writes from here on. A full server refuses a commit that stores something, and accepts one that only deletes or acknowledges. Tasks are
  -- written at the end of the call, which is too late for a refusal, so memory is checked here. The same holds for a first write that removes something.
  local is_storing = #puts + #touches + #enqueue + #publish > 0 or request.board
  if call.limits or not is_storing or (not is_alone and removes_first(request, current)) then full_server.need_no_memory() end
  if is_storing then full_server.need_memory() end
  local text_at, begun = request.first, {}
  first_writes.try()
  for i, part in ipairs(puts) do
    begun[i] = begin_put(part, current[part.id], text_at, request.drained, is_alone)
    text_at = text_at + #part.abouts
  end
  if not is_alone then first_writes.keep() end
  local function next_text()
    text_at = text_at + 1
    return ARGV[text_at - 1]
  end

  -- Tasks come first: the write of a workflow must know whether a task holds it.
  local made, events = {}, {}
  if acked then end_task.finish(acked, next_text()) end
  for _, id in ipairs(request.cancelTasksOf or NONE) do create_task.cancel_all_of(id) end
  for i, spec in ipairs(enqueue) do made[i] = create_task.create(spec, next_text()) end

  local results = {}
  local function result(id, record, is_new) results[#results + 1] = { id, record, is_new } end
  for i in ipairs(puts) do end_put(begun[i], request.drained, is_alone, result) end
  for _, part in ipairs(touches) do
    touch(part, current[part.id], request.drained)
    result(part.id, current[part.id], false)
  end
  for _, part in ipairs(deletes) do
    removal.remove(part.id)
    feeding.announce('workflow.deleted', part.id, current[part.id])
  end
  for _, conflict in ipairs(request.resolves or NONE) do conflict_records.drop(conflict.id, conflict.n) end
  for i, message in ipairs(publish) do
    local place = feeding.feed('type', message.type, 'channel', message.channel, 'payload', next_text())
    events[i] = feed_epoch.event_id(place, feed_epoch.current(string.sub(epoch, 1, 8)))
    feeding.hint('feed')
  end
  if request.board then board.change(request.board, next_text) end
  local claimed = request.claim and claim_tasks.claim(request.claim) or NONE

  -- 4. Outcomes under the once keys.
  -- Not before: a claim also ends expired tasks. If the last open task of a workflow ended so, its record has a deadline again.
  for i, one in ipairs(results) do results[i] = once_values.result_of(one[1], one[2], one[3]) end
  for _, once in ipairs(request.once) do
    local first, last = once.first or 1, once.last or #results
    local text = not call.limits and not once.memo and first == last and once_values.kept_of(results[first])
    if text then once_keys.keep_text(once, text)
    else
      local kept = { memo = once.memo }
      if call.limits then
        kept.tasks, kept.events = made[1] and made, events[1] and events
        kept.lent = claimed[1] and claim_tasks.lent_of(claimed)
      end
      if results[1] then kept.results = {} end
      for i = first, last do kept.results[#kept.results + 1] = results[i] end
      once_keys.keep(once, kept)
    end
  end
  -- Outcomes that the store had lost come back with the state that those requests led to: a repeat of them changes nothing.
  for _, lost in ipairs(request.drained and request.drained.outcomes or NONE) do once_keys.keep_text(lost, lost.kept) end
  if not call.limits then return { 'done', unpack(results) } end
  return { 'done', results, made, events, claimed }
end
