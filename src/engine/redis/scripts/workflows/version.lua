--[[
  version: one version of a workflow, with its state.
  KEYS[1]  the state key
  ARGV[4]  the id
  ARGV[5]  number of the version
  Returns  nil without a workflow, else {line of the workflow, version or false, oldest version}; the last only if this version is not kept.
           A version is {"<header>\n<state>", bytes of the state}; see version_header
]]
local id, version = ARGV[4], tonumber(ARGV[5])
local record = workflows.load(id, 'digest')
if not record then return nil end
local line = workflows.line_of(record)
if version == record.version then return { line, history.shown_current(record, true) } end
local entry = version < record.version and history.find(id, version, record.version)
if entry then return { line, history.shown(entry, true) } end
local oldest = history.entry_at(id, -1)
return { line, false, oldest and whole(history.version_of(oldest)) or whole(record.version) }
