--[[
  workflows: keys and records of workflows.
  Deadlines and times to live are milliseconds, or false for never; '-' as text. A workflow with a time to live and no deadline is held by open tasks.
]]
local function state_key(id) return prefix .. key_names.state .. id end
local function meta_key(id) return prefix .. key_names.meta .. id end
local function history_key(id) return prefix .. key_names.history .. id end
local function index_key(name) return prefix .. key_names.index .. name end

-- PEXPIRETIME came with Redis 7, and this number too.
local HAS_EXPIRY_TIMES = (redis.REDIS_VERSION_NUM or 0) >= 0x070000

-- The time at which Redis expires a key; false for never. If `expected` differs by at most EXPIRY_SLACK_MS, it is the result.
local function real_deadline(key, expected)
  if HAS_EXPIRY_TIMES then
    local at = redis.call('PEXPIRETIME', key)
    if at < 0 then return false end
    return expected and at >= expected - 1 and at <= expected + EXPIRY_SLACK_MS and expected or at
  end
  -- The server may stall between PTTL and TIME, so the expiry is known only to lie between two times.
  local before = server_time()
  local left = redis.call('PTTL', key)
  if left < 0 then return false end
  local later = expected and before + left - expected
  if expected and later >= -1 and later <= EXPIRY_SLACK_MS then return expected end
  local after = server_time()
  if expected and expected >= before + left - EXPIRY_SLACK_MS and expected <= after + left + 1 then return expected end
  return after + left
end

-- Text under a key; '' if another program has put a value of another type there.
local function text_under(key)
  local text = redis.pcall('GET', key)
  return type(text) == 'table' and '' or text
end

-- Digest of a state. Same as digestOf in src/engine/records/check.ts.
local DIGEST_LENGTH = 8
local function digest_of(text) return string.sub(redis.sha1hex(text), 1, DIGEST_LENGTH) end

local ADOPTED = '{"by":"unknown","cause":"adopt","changed":null}'

-- Stands for the length of a value of another type. No state of ours has this length.
local NOT_TEXT = -1

--[[
  The record of a workflow; nil when absent or expired. `kind` is
  'ours'; 'legacy': written by another program and not adopted; it is version 1, and its incarnation is a digest of the value, so the ETag changes
  with the value; 'foreign': a workflow of ours whose value another program replaced; it counts as the next version, and its check is the digest;
  'taken': the value is not text; it is not changed.
  `real`: expiry of the key by the clock of the server, unless the record is 'ours'; other programs set it by that clock.
  `with`: 'text' for a record that has the state as `text`; 'digest' if also a value of the same length and deadline is to be recognised as foreign, by
  its digest. Without it the state is not read. A record that was written before there were checks has neither check nor digest.
]]
local function load(id, with)
  local key, text, bytes = state_key(id), nil, nil
  if with then
    text = redis.pcall('GET', key)
    if type(text) == 'table' then text, bytes = '', NOT_TEXT else bytes = text and #text or 0 end
  else
    bytes = redis.pcall('STRLEN', key)
    if type(bytes) == 'table' then bytes = NOT_TEXT end
  end
  if bytes == 0 then return nil end
  local meta = redis.call('HMGET', meta_key(id), 'inc', 'version', 'created', 'updated', 'deadline', 'bytes', 'about', 'ttl', 'history_bytes',
    'check')
  if not meta[1] then
    local real = real_deadline(key, false)
    local deadline = real and real + ahead
    local written = deadline and default_ttl and math.min(now, deadline - default_ttl) or now
    text = text or text_under(key)
    local sha = redis.sha1hex(text)
    return { kind = bytes == NOT_TEXT and 'taken' or 'legacy', inc = 'legacy-' .. string.sub(sha, 1, 12), version = 1, check = '',
      digest = string.sub(sha, 1, DIGEST_LENGTH), created = written, updated = written, deadline = deadline, real = real, ttl = deadline and (default_ttl or deadline - now), bytes = bytes, about = ADOPTED, history_bytes = 0, text = text }
  end
  local deadline = meta[5] ~= '-' and tonumber(meta[5])
  local real = real_deadline(key, deadline)
  local record = { kind = 'ours', inc = meta[1], version = tonumber(meta[2]), created = tonumber(meta[3]), updated = tonumber(meta[4]),
    deadline = deadline, ttl = meta[8] ~= '-' and tonumber(meta[8]), bytes = bytes, about = meta[7],
    history_bytes = tonumber(meta[9]), check = meta[10] and string.sub(meta[10], DIGEST_LENGTH + 1) or '',
    digest = meta[10] and string.sub(meta[10], 1, DIGEST_LENGTH), text = text }
  local real_digest = with == 'digest' and record.digest and digest_of(text)
  if (real_digest and real_digest ~= record.digest) or real ~= deadline or bytes ~= tonumber(meta[6]) then
    record.kind = bytes == NOT_TEXT and 'taken' or 'foreign'
    record.version = record.version + 1
    record.digest = real_digest or digest_of(text or text_under(key))
    record.check = record.digest
    record.updated = math.max(now, record.updated)
    record.deadline, record.real = real and real + ahead, real
    record.ttl = real and (default_ttl or record.deadline - now)
    record.about = ADOPTED
    return record
  end
  if deadline and deadline <= now then return nil end
  return record
end

-- Set of the tasks that name the workflow: open ones have negative scores, ended ones the time of their end.
local function workflow_tasks_key(id) return prefix .. key_names.tasksOfWorkflow .. id end
local function is_held(id) return redis.call('ZCOUNT', workflow_tasks_key(id), '-inf', '(0') > 0 end

-- The deadline that a workflow has now: none while open tasks hold it.
local function held_deadline(id, deadline, ttl)
  if not ttl or is_held(id) then return false end
  return deadline or now + ttl
end

-- Name of a version within its incarnation. Same as versionNameOf in src/engine/records/workflow-meta.ts; the tag below is that of etagOf.
local function version_name(record)
  if record.check == '' then return whole(record.version) end
  return whole(record.version) .. '.' .. record.check
end
local function tag_of(record) return '"' .. record.inc .. '-' .. version_name(record) .. '"' end

local function line_of(record)
  return record.inc .. ' ' .. version_name(record) .. ' ' .. whole(record.created) .. ' ' .. whole(record.updated) .. ' ' ..
    deadline_text(record.deadline) .. ' ' .. record.kind .. ' ' .. (record.digest or '-')
end

-- Start of an entry of the history.
local function version_header(record)
  return version_name(record) .. ' ' .. whole(record.updated) .. ' ' .. deadline_text(record.deadline) .. ' ' .. record.about
end

return { state_key = state_key, meta_key = meta_key, history_key = history_key, index_key = index_key, load = load,
  tasks_key = workflow_tasks_key, is_held = is_held, held_deadline = held_deadline, version_name = version_name, tag_of = tag_of, line_of = line_of,
  version_header = version_header }
