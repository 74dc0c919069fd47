--[[
  version-states: states of given versions, each only if exactly this version is still kept.
  KEYS     state keys of their workflows
  ARGV[4]  maximum bytes of states; the first one is there whatever its size
  ARGV[5+] for each version: id, incarnation, version name
  Returns  for each version {digest or '-', state}, or false; those beyond the maximum are left out. The service compares the digest: a SHA-1 of a
           large state would hold up Redis
]]
local records = {}
local function record_of(id)
  if records[id] == nil then records[id] = workflows.load(id) or false end
  return records[id]
end

local function state_of(id, incarnation, name)
  local record = record_of(id)
  if not record or record.inc ~= incarnation or record.kind == 'taken' then return false end
  if workflows.version_name(record) == name then
    return { record.digest or '-', record.text or redis.call('GET', workflows.state_key(id)) or '' }
  end
  local version = tonumber(string.match(name, '^%d+'))
  local entry = version < record.version and history.entry_of(id, version, record.version)
  if not entry or string.match(entry, '^%S+') ~= name then return false end
  return { '-', string.sub(entry, string.find(entry, '\n', 1, true) + 1) }
end

local max_bytes, bytes = tonumber(ARGV[4]), 0
local found = {}
for i = 5, #ARGV, 3 do
  -- A damaged key of one workflow must not keep the states of the others away.
  local is_read, state = pcall(state_of, ARGV[i], ARGV[i + 1], ARGV[i + 2])
  state = is_read and state or false
  if state then
    local is_first = bytes == 0
    bytes = bytes + #state[2]
    if not is_first and bytes > max_bytes then break end
  end
  found[#found + 1] = state
end
return found
