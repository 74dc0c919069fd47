--[[
  version-states: states of given versions, each only if exactly this version is still kept.
  KEYS     state keys of their workflows
  ARGV[4]  bytes of states after which the call ends; it leaves out the rest, also after it has read a piece of histories
  ARGV[5+] for each version: id, incarnation, version name
  Returns  for each version {digest or '-', state}, or false. The service compares the digest: a SHA-1 of a large state would hold up Redis
]]
local records = {}
local function record_of(id)
  if records[id] == nil then records[id] = workflows.load(id) or false end
  return records[id]
end

local function state_of(id, incarnation, name)
  local record = record_of(id)
  if not record or record.inc ~= incarnation or record.kind == 'taken' then return false end
  if workflow_names.version_name(record) == name then
    return { record.digest or '-', record.text or redis.call('GET', workflow_names.state_key(id)) or '' }
  end
  local entry = history.find_named(id, name, record.version)
  return entry and { '-', history.state_of(entry) } or false
end

local max_bytes, bytes = tonumber(ARGV[4]), 0
local found = {}
for i = 5, #ARGV, 3 do
  if bytes >= max_bytes or history.is_piece_full() then break end
  -- A damaged key of one workflow must not keep the states of the others away.
  local is_read, state = pcall(state_of, ARGV[i], ARGV[i + 1], ARGV[i + 2])
  state = is_read and state or false
  if state then bytes = bytes + #state[2] end
  found[#found + 1] = state
end
return found
