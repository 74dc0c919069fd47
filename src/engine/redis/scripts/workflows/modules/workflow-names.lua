--[[
  workflow-names: keys of workflows, and texts that name a version.
]]
local function state_key(id) return prefix .. key_names.state .. id end
local function meta_key(id) return prefix .. key_names.meta .. id end
local function history_key(id) return prefix .. key_names.history .. id end
local function index_key(name) return prefix .. key_names.index .. name end

-- Set of the tasks that name the workflow: open ones have negative scores, ended ones the time of their end.
local function tasks_key(id) return prefix .. key_names.tasksOfWorkflow .. id end

local function is_any_key(id) return redis.call('EXISTS', state_key(id), meta_key(id), history_key(id), tasks_key(id)) > 0 end

-- Name of a version within its incarnation. Same as versionNameOf in src/engine/records/workflow-meta.ts; the tag below is that of etagOf.
local function version_name(record)
  if not record.check then return whole(record.version) end
  return whole(record.version) .. '.' .. record.check
end
local function tag_of(record) return '"' .. record.inc .. '-' .. version_name(record) .. '"' end

-- Start of an entry of the history.
local function version_header(record)
  return version_name(record) .. ' ' .. whole(record.updated) .. ' ' .. deadline_text(record.deadline) .. ' ' .. record.about
end

return { state_key = state_key, meta_key = meta_key, history_key = history_key, index_key = index_key, tasks_key = tasks_key, is_any_key = is_any_key,
  version_name = version_name, tag_of = tag_of, version_header = version_header }
