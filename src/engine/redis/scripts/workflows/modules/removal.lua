--[[
  removal: takes a workflow out of its indexes, and removes its keys. Checks the types of keys before that.
]]
-- Announces the end of a workflow whose keys are gone. Call it before the index entries are removed.
local function announce_end(id)
  if not redis.call('ZSCORE', workflow_names.index_key('updated'), id) then return end
  local meta = workflow_store.stored(id)
  local deadline = meta and meta.deadline or not meta and tonumber(redis.call('ZSCORE', workflow_names.index_key('deadline'), id))
  local type = deadline and deadline <= now and 'workflow.expired' or 'workflow.deleted'
  feeding.feed('type', type, 'id', id)
  feeding.hint('workflow ' .. id)
end

-- The entries "field=value" of a workflow in the index.
local function entries_of(id)
  local meta = workflow_store.stored(id)
  return meta and cjson.decode(meta.entries) or {}
end

-- Checks the types of the keys that change when a workflow is removed, or written over the remains of another one; but not its state.
local function expect_workflow(id, entries)
  own_keys.expect('stream', prefix .. key_names.events)
  own_keys.expect('string', workflow_names.meta_key(id))
  own_keys.expect('list', workflow_names.history_key(id))
  for _, name in ipairs({ 'updated', 'created', 'deadline', 'ids' }) do own_keys.expect('zset', workflow_names.index_key(name)) end
  for _, list in ipairs({ entries_of(id), entries }) do
    for _, entry in ipairs(list) do own_keys.expect('zset', workflow_names.index_key('by:' .. entry)) end
  end
end

-- Checks the types of the keys that a change of the tasks or of the life of a workflow changes.
local function expect_life(id)
  local record = workflow_store.load(id)
  if record and record.history_bytes > 0 then own_keys.expect('list', workflow_names.history_key(id)) end
  own_keys.expect('zset', workflow_names.tasks_key(id))
  own_keys.expect('zset', workflow_names.index_key('deadline'))
end

-- Removes the workflow from the indexes. `more`: entries besides those in the meta.
local function unindex(id, more)
  for _, entry in ipairs(more or {}) do redis.call('ZREM', workflow_names.index_key('by:' .. entry), id) end
  for _, entry in ipairs(entries_of(id)) do redis.call('ZREM', workflow_names.index_key('by:' .. entry), id) end
  for _, name in ipairs({ 'updated', 'created', 'ids' }) do redis.call('ZREM', workflow_names.index_key(name), id) end
end

-- Removes the workflow, with its state unless that is of another program. The deadline goes last: a sweep that fails in the middle finds it again.
local function remove(id, more, is_state_kept)
  unindex(id, more)
  local keys = { workflow_names.meta_key(id), workflow_names.history_key(id) }
  if not is_state_kept then keys[3] = workflow_names.state_key(id) end
  redis.call('UNLINK', unpack(keys))
  redis.call('ZREM', workflow_names.index_key('deadline'), id)
  workflow_store.forget(id)
end

-- Removes what an expired or deleted workflow has left, except for its meta, which is written anew.
local function clear(id)
  announce_end(id)
  unindex(id)
  redis.call('UNLINK', workflow_names.history_key(id))
  redis.call('ZREM', workflow_names.index_key('deadline'), id)
end

return { announce_end = announce_end, expect_workflow = expect_workflow, expect_life = expect_life, unindex = unindex, remove = remove, clear = clear }
