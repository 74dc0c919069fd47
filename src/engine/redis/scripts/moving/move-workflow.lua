--[[
  move-workflow: writes a workflow of another store unchanged, or removes it. Idempotent.
  KEYS[1]  the state key
  ARGV[4]  the plan, JSON made by the service: id; either remove (the expected stamp), or
             inc, version, check, digest, created, updated, deadline, ttl (false is never), about, index ["field=value"], stamp
             versions ["<version name> <updated>"] and historyBytes: the earlier versions, newest first, and the bytes of their states
             staged?   name of the list that has the earlier versions; see stage-history
             onConflict, replaces?, isDryRun   see decideWorkflow in src/engine/moving/arrival.ts
  ARGV[5]  the state; a dry run has no texts
  ARGV[6+] earlier versions that are not staged: "<version name> <updated> <deadline> <about>\n<state>"
  Returns  see Arrived in arrival.ts; of a removal 'removed' or 'absent'; 'unstaged' if the staged list is not complete; or 'fenced': nothing was written
]]
local plan = cjson.decode(ARGV[4])
local id = plan.id
local current = workflow_store.load(id, 'digest')

if current and current.kind == 'taken' then own_keys.taken(workflow_names.state_key(id)) end
if not plan.isDryRun then
  if fence.refuses() then return 'fenced' end
  removal.expect_workflow(id, plan.index or {})
end

if plan.remove then
  if not current or moving.core_of(moving.stamp_of(id, current)) ~= moving.core_of(plan.remove) then return 'absent' end
  removal.remove(id)
  feeding.announce('workflow.deleted', id, current)
  feeding.tell()
  return 'removed'
end

local function is_ancestor()
  if current.kind ~= 'ours' or current.inc ~= plan.inc or current.version >= plan.version then return false end
  local wanted = workflow_names.version_name(current) .. ' ' .. whole(current.updated)
  for _, version in ipairs(plan.versions) do
    if version == wanted then return true end
  end
  return false
end

local function arrival()
  if plan.deadline and plan.deadline <= now then return 'expired' end
  if not current then return 'created' end
  local stamp = moving.stamp_of(id, current)
  if stamp == plan.stamp then return 'same' end
  if plan.replaces and moving.core_of(plan.replaces) == moving.core_of(stamp) then return 'updated' end
  if is_ancestor() then return 'updated' end
  if plan.onConflict == 'fail' then return 'conflict' end
  return plan.onConflict == 'newer' and plan.updated > current.updated and 'updated' or 'kept'
end

local arrived = arrival()
if plan.isDryRun or (arrived ~= 'created' and arrived ~= 'updated') then return arrived end

-- The list may have expired, or be lost in a failover.
local staged_key = plan.staged and prefix .. key_names.moved .. plan.staged
if staged_key and redis.call('LLEN', staged_key) ~= #plan.versions then return 'unstaged' end

-- The first writes remove what was there before, which a full server accepts. So memory is checked before them.
full_server.need_no_memory()
full_server.need_memory()

local state, history_key = ARGV[5], workflow_names.history_key(id)
local record = meta_fields.new(plan.inc)
record.version, record.check, record.digest, record.about = plan.version, plan.check ~= '' and plan.check, plan.digest, plan.about
record.created, record.updated, record.deadline, record.ttl = plan.created, plan.updated, plan.deadline, plan.ttl
record.entries, record.history_bytes, record.has_longer_history = cjson.encode(plan.index), plan.historyBytes, #plan.versions > 0
record.text, record.bytes, record.is_sure, record.is_written = state, #state, true, true
removal.unindex(id)
redis.call('ZREM', workflow_names.index_key('deadline'), id)
redis.call('UNLINK', history_key)
if staged_key then
  redis.call('RENAME', staged_key, history_key)
  redis.call('PERSIST', history_key)
end
for i = 6, #ARGV do redis.call('RPUSH', history_key, ARGV[i]) end
indexing.index(id, record, plan.index)
workflow_store.save(id, record)
feeding.announce(arrived == 'created' and 'workflow.created' or 'workflow.updated', id, record)
workflow_store.write()
feeding.tell()
return arrived
