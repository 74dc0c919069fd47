-- Earlier versions of a workflow: a list of "<header>\n<state>", newest first. Along the list the numbers of the versions fall by at least 1.

-- Entries that this call has read. A call that reads many of a history ends when they are a piece, and the service asks for the rest: an imported history
-- may have 32 MB.
local entries_read, bytes_read = 0, 0
local function entry_at(id, at)
  local entry = redis.call('LINDEX', workflow_names.history_key(id), at)
  if entry then entries_read, bytes_read = entries_read + 1, bytes_read + #entry end
  return entry
end
local function is_piece_full() return bytes_read >= limits.HISTORY_PIECE_BYTES or entries_read >= limits.HISTORY_PIECE_ENTRIES end

local function version_of(entry) return tonumber(string.match(entry, '^%d+')) end
local function length_of(id) return redis.call('LLEN', workflow_names.history_key(id)) end

-- Number of entries with this version or a later one. `current` is above them all, so it bounds the number. Mostly it is the number: only versions that
-- were too large are left out. The last of these entries is the second value, if it is known.
local function count_from(id, version, current)
  local high = math.max(0, math.min(length_of(id), current - version))
  if high == 0 then return 0 end
  local last = entry_at(id, high - 1)
  if version_of(last) >= version then return high, last end
  local low = 0
  high = high - 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if version_of(entry_at(id, middle)) >= version then low = middle + 1 else high = middle end
  end
  return low
end

-- The entry of a version below `current`, and its place; nil if it is not kept.
local function find(id, version, current)
  local count, entry = count_from(id, version, current)
  if count == 0 then return nil end
  entry = entry or entry_at(id, count - 1)
  if version_of(entry) ~= version then return nil end
  return entry, count - 1
end

-- As `find`, by the name of a version. Another version may have had the number, before a failover.
local function find_named(id, name, current)
  local version = tonumber(string.match(name, '^%d+'))
  if version >= current then return nil end
  local entry, place = find(id, version, current)
  if not entry or string.match(entry, '^%S+') ~= name then return nil end
  return entry, place
end

local function state_of(entry) return string.sub(entry, string.find(entry, '\n', 1, true) + 1) end

-- A version for the service: {entry, or only its header; bytes of the state}. An entry goes out as it is: a copy of a large one takes time.
local function shown(entry, with_state)
  local stop = string.find(entry, '\n', 1, true)
  return { with_state and entry or string.sub(entry, 1, stop - 1), #entry - stop }
end
local function shown_current(record, with_state)
  local header = workflow_names.version_header(record)
  return { with_state and header .. '\n' .. record.text or header, record.bytes }
end

return { entry_at = entry_at, is_piece_full = is_piece_full, length_of = length_of, version_of = version_of, count_from = count_from, find = find,
  find_named = find_named, state_of = state_of, shown = shown, shown_current = shown_current }
