-- Earlier versions of a workflow: a list of "<header>\n<state>", newest first. Along the list the numbers of the versions fall by at least 1.
local function entry_at(id, at) return redis.call('LINDEX', workflows.history_key(id), at) end
local function version_of(entry) return tonumber(string.match(entry, '^%d+')) end
local function length_of(id) return redis.call('LLEN', workflows.history_key(id)) end

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

-- The entry of a version below `current`; nil if it is not kept.
local function entry_of(id, version, current)
  local count, entry = count_from(id, version, current)
  if count == 0 then return nil end
  entry = entry or entry_at(id, count - 1)
  return version_of(entry) == version and entry or nil
end

return { entry_at = entry_at, length_of = length_of, count_from = count_from, entry_of = entry_of }
