--[[
  rename-keys: gives keys of schema 3 their names of schema 4. Idempotent. A key whose content is not that of schema 3 is of another program and stays.
  KEYS[1]  any key of the tenant, for routing
  ARGV[1]  prefix of the tenant's keys
  ARGV[4]  '1' only to look
  ARGV[5]  '1' to mark the tenant, '0' for the default tenant, which is marked at the end
  ARGV[6+] names without the prefix
  Returns  {number of keys renamed or removed, name of a key that stays…}
]]
local function key_of(name) return prefix .. name end
local function new_key_of(name) return prefix .. former.OWN .. name end
local function starts(text, pattern) return text and string.find(text, pattern) ~= nil end
local function head(name) return redis.call('GETRANGE', key_of(name), 0, 400) end

local function is_member(set, member)
  for _, key in ipairs({ key_of(set), new_key_of(set) }) do
    if own_keys.type_of(key) == 'zset' and redis.call('ZSCORE', key, member) then return true end
  end
  return false
end

local function is_task(key)
  local value = redis.pcall('GET', key)
  if type(value) ~= 'string' then return false end
  local is_packed, task = pcall(task_fields.unpack, '', value)
  return is_packed and type(task.status) == 'string'
end
local function has_task(id) return is_task(key_of('task:' .. id)) or is_task(new_key_of('task:' .. id)) end

-- Later builds of schema 3 put the name of their run before the type.
local function is_event(entry) return entry and (entry[2][1] == 'type' or entry[2][1] == 'run' and entry[2][3] == 'type') end
local function is_feed(key)
  return is_event(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]) and is_event(redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1])
end

-- By kind: whether a key of the right type has our content. `id` is the rest of the name.
local checks = {
  ['once:'] = function(_, name) return starts(head(name), '^%d+ [^\n]*\n') end,
  ['fence:'] = function(id, name) return #id == 13 and starts(head(name), '^[%x-]+$') and redis.call('STRLEN', key_of(name)) == 13 end,
  ['queue:rate:'] = function(id) return is_member('queues', string.match(id, '^(.*):%a+:%d+$') or id) end,
  ['queue:settings:'] = function(id) return is_member('queues', id) end,
  ['queue:'] = function(id) return is_member('queues', string.match(id, '^%a+:(.*)$') or id) end,
  ['task:'] = function(_, name) return is_task(key_of(name)) end,
  ['payload:'] = function(id, name) return has_task(id) and starts(head(name), '^%d+\n') end,
  ['result:'] = has_task,
  ['failures:'] = has_task,
  ['progress:'] = has_task,
  ['dedupe:'] = function(_, name) return starts(head(name), '^%d+ .+$') end,
  ['limit:'] = function(_, name) return starts(head(name), '^%d+$') and redis.call('PTTL', key_of(name)) > 0 end,
  ['board:'] = function(id) return is_member('boards', string.match(id, '^%a+:(.*)$') or id) end,
  events = function() return is_feed(key_of('events')) end,
  ['events:epoch'] = function(_, name) return starts(head(name), '^%x+$') end,
  epoch = function(_, name) return starts(head(name), '^[%x-]+$') and redis.call('STRLEN', key_of(name)) == 36 end,
  confirmed = function(_, name) return redis.call('STRLEN', key_of(name)) == 0 end,
}

-- The kind of a name: the longest one that fits.
local function kind_of(name)
  local found
  for kind in pairs(checks) do
    local fits = string.sub(kind, -1) == ':' and string.sub(name, 1, #kind) == kind or name == kind
    if fits and (not found or #kind > #found) then found = kind end
  end
  return found
end

local function is_ours(name, type)
  if own_keys.type_of(key_of(name)) ~= type then return false end
  local kind = kind_of(name)
  return not kind or checks[kind](string.sub(name, #kind + 1), name)
end

local is_dry = ARGV[4] == '1'
local reply = { 0 }
if ARGV[5] == '1' and not is_dry and own_keys.type_of(prefix .. key_names.schema) == 'none' then
  redis.call('SET', prefix .. key_names.schema, schema.PACKING)
end
for i = 6, #ARGV, 2 do
  local name, type = ARGV[i], ARGV[i + 1]
  if own_keys.type_of(key_of(name)) ~= 'none' then
    if not is_ours(name, type) then reply[#reply + 1] = name
    else
      if not is_dry then
        -- The fences of services of schema 3 are not needed any more.
        if string.sub(name, 1, 6) == 'fence:' then redis.call('DEL', key_of(name))
        elseif redis.call('RENAMENX', key_of(name), new_key_of(name)) == 0 then own_keys.taken(new_key_of(name)) end
      end
      reply[1] = reply[1] + 1
    end
  end
end
return reply
