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
             wantState                      a conflict brings the current state
             checkOnly                      stop when everything has been checked: {'fine'}
           ttl: milliseconds, 'never' or 'keep'; expect: {version}, {etags}, {exists} or {incarnation}
  ARGV[5+] the states, in the order of the versions
  Returns  {'done', result…}                 a result is "<id> <inc> <version> <created> <updated> <deadline> <1 when created>"
           {'replayed', kept} {'mismatch'}   one once key, known
           {'known', position…}              several once keys, some of them known; nothing written
           {'conflict', part, at, line?, state?}  {'missing', part, at}  {'adopt', id}  {'fenced'}  nothing written
]]
local plan = cjson.decode(ARGV[4])
local puts, deletes, touches = plan.puts or {}, plan.deletes or {}, plan.touches or {}

-- 1. The fence, and what has happened before.
local keys = { prefix .. 'fence:' .. plan.replica }
for i, once in ipairs(plan.once) do keys[i + 1] = prefix .. 'once:' .. once.key end
local known = redis.call('MGET', unpack(keys))
if known[1] and known[1] ~= plan.epoch then return { 'fenced' } end
if #plan.once == 1 then
  if known[2] then
    local ends, fingerprint, kept = string.match(known[2], '^(%d+) ([^\n]*)\n(.*)$')
    if tonumber(ends) > now then
      if fingerprint ~= plan.once[1].fingerprint then return { 'mismatch' } end
      return { 'replayed', kept }
    end
  end
else
  local reply = { 'known' }
  for i = 1, #plan.once do
    if known[i + 1] and tonumber(string.match(known[i + 1], '^%d+')) > now then reply[#reply + 1] = i end
  end
  if #reply > 1 then return reply end
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

if plan.checkOnly then return { 'fine' } end

-- 3. From here on only writes. The first one needs memory, so a server without any refuses all of it; a commit that
-- only deletes passes even then.
local results, states = {}, {}
local function result(id, record, created)
  results[#results + 1] = id .. ' ' .. record.inc .. ' ' .. whole(record.version) .. ' ' .. whole(record.created) .. ' ' .. whole(record.updated) .. ' ' ..
    deadline_text(record.deadline) .. ' ' .. (created and '1' or '0')
end

local function deadline_after(ttl, record)
  if ttl == 'never' then return false end
  if ttl ~= 'keep' then return now + ttl end
  if record then return record.deadline end
  return now + default_ttl
end

local next_state = 5
local function put(part)
  local id = part.id
  local old = current[id]
  local record, earlier = old, {}
  local record_state = old and plan.historyLimit > 0 and redis.call('GET', state_key(id)) or nil
  for i, about in ipairs(part.abouts) do
    local state = ARGV[next_state]
    next_state = next_state + 1
    -- One that is too large for the whole history is left out, and not the others with it.
    if record and record_state and #record_state <= plan.historyMaxBytes then
      earlier[#earlier + 1] = whole(record.version) .. ' ' .. whole(record.updated) .. ' ' .. deadline_text(record.deadline) .. ' ' .. record.about .. '\n' .. record_state
    end
    record = {
      inc = record and record.inc or part.inc,
      version = record and record.version + 1 or 1,
      created = record and record.created or now,
      updated = record and math.max(now, record.updated) or now,
      deadline = deadline_after(part.ttls[i], record), bytes = #state, about = about, kind = 'ours',
    }
    record_state = state
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
    unindex(id)
    redis.call('DEL', meta_key(id), history_key(id))
  end
  local history_bytes = is_new and 0 or tonumber(redis.call('HGET', meta_key(id), 'history_bytes') or 0)
  for _, entry in ipairs(earlier) do
    redis.call('LPUSH', history_key(id), entry)
    history_bytes = history_bytes + #entry - string.find(entry, '\n', 1, true)
  end
  local count = (is_new and #earlier == 0) and 0 or redis.call('LLEN', history_key(id))
  while count > 0 and (count > plan.historyLimit or history_bytes > plan.historyMaxBytes) do
    local oldest = redis.call('RPOP', history_key(id))
    history_bytes = history_bytes - (#oldest - string.find(oldest, '\n', 1, true))
    count = count - 1
  end
  write_meta(id, record, history_bytes)
  set_deadline(id, deadline, false)
  index(id, record, part.index, is_new)
  announce(old and 'workflow.updated' or 'workflow.created', id, record.version)
end
for _, part in ipairs(puts) do put(part) end

for _, part in ipairs(touches) do
  local record = current[part.id]
  record.deadline = deadline_after(part.ttl, record)
  redis.call('HSET', meta_key(part.id), 'deadline', deadline_text(record.deadline))
  set_deadline(part.id, record.deadline, true)
  index_deadline(part.id, record.deadline)
  redis.call('PUBLISH', prefix .. 'changes', part.id)
  result(part.id, record, false)
end

for _, part in ipairs(deletes) do
  remove(part.id)
  announce('workflow.deleted', part.id, current[part.id].version)
end

-- 4. The outcome, beside the effect.
for _, once in ipairs(plan.once) do
  local kept = { results = {}, memo = once.memo, states = {} }
  for i = once.first, once.last do
    kept.results[#kept.results + 1] = results[i]
    if once.keepStates then kept.states[#kept.states + 1] = states[i] or '' end
  end
  local text = whole(now + once.keepMs) .. ' ' .. once.fingerprint .. '\n' .. cjson.encode(kept)
  redis.call('SET', prefix .. 'once:' .. once.key, text, 'PX', whole(once.keepMs))
end
table.insert(results, 1, 'done')
return results
