--[[
  history-writes: adds versions to the history of a workflow, and drops the oldest ones. See history.lua for its entries.
]]
local function state_bytes(entry) return #entry - string.find(entry, '\n', 1, true) end

-- Adds an entry. Returns the length of the history.
local function add(id, record, entry)
  record.history_bytes = record.history_bytes + state_bytes(entry)
  record.has_longer_history = true
  return first_writes.push(workflow_names.history_key(id), entry)
end

-- Keeps the newest entries within the limits of the history, and reads no others.
local function cut(key, record)
  local kept, bytes = 0, 0
  while kept < call.historyLimit do
    local entry = redis.call('LINDEX', key, kept)
    if not entry or bytes + state_bytes(entry) > call.historyMaxBytes then break end
    kept, bytes = kept + 1, bytes + state_bytes(entry)
  end
  if kept == 0 then redis.call('UNLINK', key) else redis.call('LTRIM', key, 0, kept - 1) end
  record.history_bytes = bytes
end

-- Drops the oldest entries beyond the limits of the history. `count`: its length, if known.
local function trim(id, record, count)
  local key = workflow_names.history_key(id)
  -- An imported history may be so long that more goes than stays.
  if record.history_bytes > 2 * call.historyMaxBytes then return cut(key, record) end
  if not count then count = record.history_bytes > 0 and redis.call('LLEN', key) or 0 end
  while count > 0 and (count > call.historyLimit or record.history_bytes > call.historyMaxBytes) do
    local oldest = redis.call('RPOP', key)
    record.history_bytes = record.history_bytes - state_bytes(oldest)
    count = count - 1
  end
end

return { add = add, trim = trim }
