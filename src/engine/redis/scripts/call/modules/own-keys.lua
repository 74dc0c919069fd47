--[[
  own-keys: tells keys of ours from those of other programs, so that nothing foreign is read as ours, changed or removed.
  ARGV[1]  prefix of the tenant's keys
  Errors   KEY_TAKEN <type> <key> END_OF_KEY: a key of another program has a name of ours
           OTHER_SCHEMA <mark> END_OF_MARK: the keys of the tenant have another schema
]]
local mark_key = ARGV[1] .. key_names.schema
local function type_of(key) return redis.call('TYPE', key).ok end
local function taken(key, found) error('KEY_TAKEN ' .. (found or type_of(key)) .. ' ' .. key .. ' END_OF_KEY', 0) end

-- Raises an error, unless the key is absent or has this type. Call it before the first write: a write to a key of another type fails, or replaces it.
local fitting = {}
local function expect(type, key)
  if fitting[key] then return end
  local found = type_of(key)
  if found ~= type and found ~= 'none' then taken(key, found) end
  fitting[key] = true
end

local function fits(type, key)
  local found = type_of(key)
  return found == type or found == 'none'
end

local function is_mark(text) return text and string.sub(text, 1, #schema.MARK_START) == schema.MARK_START end

-- Whether the tenant has a mark of this schema.
local marked
local function is_marked()
  if marked then return true end
  local mark = redis.call('GET', mark_key)
  marked = is_mark(mark)
  if mark and not marked then
    if string.find(mark, '^%d+ waymark ') then error('OTHER_SCHEMA ' .. mark .. ' END_OF_MARK', 0) end
    taken(mark_key, 'string')
  end
  return marked
end

-- The first of the fixed keys that exists, or has another type than ours; nil without any.
local function first_fixed(is_wanted)
  local fixed = fixed_keys.NAMES_AND_TYPES
  for i = 1, #fixed, 2 do
    local found = type_of(ARGV[1] .. fixed[i])
    if found ~= 'none' and is_wanted(found, fixed[i + 1]) then return ARGV[1] .. fixed[i], found end
  end
  return nil
end

-- Marks the keys of a new tenant as ours. Keys that are there without a mark are not.
local function ensure_mark()
  if is_marked() then return end
  local key, found = first_fixed(function() return true end)
  if key then taken(key, found) end
  -- XDEL comes first, so that a full server accepts the mark: it checks memory only at the first write of a script.
  redis.call('XDEL', ARGV[1] .. key_names.nothing, '0-0')
  redis.call('SET', mark_key, schema.MARK)
  marked = true
end

local function check_fixed()
  local key, found = first_fixed(function(found, type) return found ~= type end)
  if key then taken(key, found) end
end

return { type_of = type_of, taken = taken, expect = expect, fits = fits, is_marked = is_marked, ensure_mark = ensure_mark, check_fixed = check_fixed,
  first_fixed = first_fixed }
