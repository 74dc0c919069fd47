--[[
  Goes before a script of a test, which then calls Redis through the functions here.
  The last argument, which the script does not see, is "<time> <number> <end>".
  time    microseconds; '-' for the time of the server. With a time, keys expire by it and not by the clock of the server: a key past its time is
          removed when it is used, as a server does it.
  number  this write of the script fails; 0 for none
  end     milliseconds; a state that is removed or replaced counts as expired, if its key expires before: scripts can be ahead of the time
  Returns the functions in place of `redis`, and the list of what happened: {'published', channel, message}, {'expired', key, value} and {'failed'}.
]]
local real, control = redis, table.remove(ARGV)
local time, fails_at, ends_by = string.match(control, '^(%S+) (%d+) (%d+)$')
local time_us = tonumber(time)
local now = time_us and math.floor(time_us / 1000)
fails_at, ends_by = tonumber(fails_at), tonumber(ends_by)

local WRITES = {}
for name in string.gmatch([[SET MSET SETRANGE INCRBY DEL UNLINK PEXPIRE PEXPIREAT PERSIST HSET HINCRBY HDEL LPUSH RPUSH LTRIM LPOP RPOP ZADD ZREM ZPOPMIN
  ZREMRANGEBYSCORE ZREMRANGEBYRANK ZREMRANGEBYLEX XADD XTRIM XDEL PUBLISH RENAME COPY RESTORE]], '%S+') do WRITES[name] = true end
local WITHOUT_KEYS = { TIME = true, PUBLISH = true, PING = true, SCAN = true, KEYS = true, INFO = true, WAIT = true, DBSIZE = true }
local ALL_ARE_KEYS = { MGET = true, DEL = true, UNLINK = true, EXISTS = true }

local happened, writes, checked = {}, 0, {}

local function expire(key)
  if checked[key] then return end
  checked[key] = true
  local ends = real.call('PEXPIRETIME', key)
  if ends < 0 or ends >= now then return end
  local value = real.pcall('GET', key)
  happened[#happened + 1] = { 'expired', key, type(value) == 'string' and value or '' }
  real.call('DEL', key)
end

local REMOVING = { DEL = true, UNLINK = true, SET = true }
local function note_ended(name, args)
  for i = 1, name == 'SET' and 1 or #args do
    local ends = string.find(args[i], 'document_workflow:', 1, true) and real.call('PEXPIRETIME', args[i]) or -1
    if ends >= 0 and ends <= ends_by then happened[#happened + 1] = { 'expired', args[i], real.call('GET', args[i]) } end
  end
end

local function expire_keys_of(name, args)
  if WITHOUT_KEYS[name] then return end
  for i = 1, (ALL_ARE_KEYS[name] or name == 'MSET') and #args or 1, name == 'MSET' and 2 or 1 do expire(args[i]) end
end

-- The place of the id in the arguments of XADD.
local function place_of_id(args)
  local at = 2
  local option = string.upper(args[at])
  if option == 'MAXLEN' or option == 'MINID' then
    at = at + 1
    if args[at] == '~' or args[at] == '=' then at = at + 1 end
    at = at + 1
  end
  return at
end

-- An id by the given time. Ids only count up.
local function add_event(args)
  local at = place_of_id(args)
  if args[at] ~= '*' then return real.pcall('XADD', unpack(args)) end
  args[at] = string.format('%.0f', now) .. '-*'
  local added = real.pcall('XADD', unpack(args))
  if type(added) == 'string' or not string.find(added.err, 'equal or smaller', 1, true) then return added end
  local last
  local facts = real.call('XINFO', 'STREAM', args[1])
  for i = 1, #facts, 2 do
    if facts[i] == 'last-generated-id' then last = facts[i + 1] end
  end
  args[at] = string.match(last, '^%d+') .. '-*'
  return real.pcall('XADD', unpack(args))
end

local function set(args)
  for i = 3, #args do
    local option = string.upper(args[i])
    if option == 'PX' then args[i], args[i + 1] = 'PXAT', string.format('%.0f', now + args[i + 1])
    elseif option == 'PXAT' and tonumber(args[i + 1]) <= now then
      real.call('DEL', args[1])
      return { ok = 'OK' }
    end
  end
  return real.pcall('SET', unpack(args))
end

local function in_time(name, args)
  if name == 'TIME' then return { string.format('%.0f', math.floor(time_us / 1000000)), string.format('%.0f', time_us % 1000000) } end
  expire_keys_of(name, args)
  if ends_by > 0 and REMOVING[name] then note_ended(name, args) end
  if name == 'PUBLISH' then
    happened[#happened + 1] = { 'published', args[1], args[2] }
    return 0
  elseif name == 'PTTL' then
    local ends = real.call('PEXPIRETIME', args[1])
    return ends < 0 and ends or ends - now
  elseif name == 'PEXPIRE' or name == 'PEXPIREAT' then
    local ends = tonumber(args[2]) + (name == 'PEXPIRE' and now or 0)
    if ends <= now then return real.call('DEL', args[1]) end
    return real.pcall('PEXPIREAT', args[1], string.format('%.0f', ends))
  elseif name == 'SET' then return set(args)
  elseif name == 'XADD' then return add_event(args) end
  return real.pcall(name, unpack(args))
end

local function pcall_redis(name, ...)
  local upper = string.upper(name)
  if WRITES[upper] then
    writes = writes + 1
    if writes == fails_at then
      happened[#happened + 1] = { 'failed', upper }
      return { err = 'ERR failpoint' }
    end
  end
  if now then return in_time(upper, { ... }) end
  return real.pcall(name, ...)
end

local function call_redis(...)
  local reply = pcall_redis(...)
  if type(reply) == 'table' and reply.err then error(reply) end
  return reply
end

return { call = call_redis, pcall = pcall_redis, error_reply = real.error_reply, status_reply = real.status_reply, sha1hex = real.sha1hex,
  REDIS_VERSION_NUM = real.REDIS_VERSION_NUM }, happened
