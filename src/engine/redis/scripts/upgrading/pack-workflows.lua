--[[
  pack-workflows: packs the metas of schema 4, hashes, and removes its indexes that this schema does not have. Idempotent.
  KEYS[1]  any key of the tenant, for routing
  ARGV[1]  prefix of the tenant's keys
  ARGV[4]  '1' only to look
  ARGV[5]  number of ids
  ARGV[6+] ids, then names of keys to remove; without any, ids are taken from the hash of index entries
  Returns  {number of metas packed or keys removed, '1' if something was changed or '0', name of a key that stays…}
]]
local is_dry, values = ARGV[4] == '1', prefix .. former.ENTRIES
local mark_key = prefix .. key_names.schema
local mark = redis.call('GET', mark_key)
local is_former = mark and string.sub(mark, 1, #schema.FORMER_MARK_START) == schema.FORMER_MARK_START
if not is_dry then
  -- The keys of a tenant without a mark are of another program.
  if not is_former and mark ~= schema.PACKING then return { 0, '0' } end
  if is_former then redis.call('SET', mark_key, schema.PACKING) end
end
local has_values = own_keys.type_of(values) == 'hash'
local reply = { 0, '0' }

local function entries_of(id) return has_values and redis.call('HGET', values, id) or '{}' end
local function write(id, meta)
  redis.call('SET', workflow_names.meta_key(id), meta_fields.pack(meta))
  if has_values then redis.call('HDEL', values, id) end
  reply[2] = '1'
end

local function pack(id)
  local key = workflow_names.meta_key(id)
  local fields = redis.call('HMGET', key, 'inc', 'version', 'created', 'updated', 'deadline', 'ttl', 'bytes', 'history_bytes', 'check', 'about')
  local inc, version, created, updated, deadline, ttl, bytes, history_bytes, check, about = unpack(fields)
  if not (inc and tonumber(version) and tonumber(created) and tonumber(updated) and tonumber(bytes) and about) then
    reply[#reply + 1] = key_names.meta .. id
    return
  end
  reply[1] = reply[1] + 1
  if is_dry then return end
  history_bytes, deadline = tonumber(history_bytes) or 0, tonumber(deadline) or false
  local digest
  if check then digest, check = string.sub(check, 1, former.DIGEST_LENGTH), string.sub(check, former.DIGEST_LENGTH + 1) end
  write(id, { inc = inc, version = tonumber(version), check = check ~= '' and check, digest = digest, created = tonumber(created),
    updated = tonumber(updated), deadline = deadline, ttl = tonumber(ttl) or false, bytes = tonumber(bytes), history_bytes = history_bytes,
    history_ends = history_bytes > 0 and deadline, about = about, entries = entries_of(id) })
end

-- A workflow that is over, and that no sweep has removed from its indexes. Its meta lets the next sweep do so.
local function pack_remains(id)
  local function score(index) return tonumber(redis.call('ZSCORE', workflow_names.index_key(index), id)) end
  local updated = score('updated')
  if not updated then
    redis.call('HDEL', values, id)
    reply[2] = '1'
    return
  end
  local due = score('deadline')
  -- A state of another program must not count as a version of it.
  local deadline = redis.call('EXISTS', workflow_names.state_key(id)) == 0 and due or updated
  if deadline ~= due then redis.call('ZADD', workflow_names.index_key('deadline'), whole(deadline), id) end
  write(id, { inc = 'expired', version = 0, created = score('created') or updated, updated = updated, deadline = deadline, ttl = false, bytes = 0,
    history_bytes = 0, about = '{}', entries = entries_of(id) })
end

local count = tonumber(ARGV[5])
for i = 6, 5 + count do
  if own_keys.type_of(workflow_names.meta_key(ARGV[i])) == 'hash' then pack(ARGV[i]) end
end
for i = 6 + count, #ARGV do
  if own_keys.type_of(prefix .. ARGV[i]) == 'zset' then
    reply[1] = reply[1] + 1
    if not is_dry then
      redis.call('UNLINK', prefix .. ARGV[i])
      reply[2] = '1'
    end
  end
end
if #ARGV == 5 and has_values and not is_dry then
  local cursor, found = '0', {}
  -- A hash that was full before may have long stretches without entries.
  repeat
    local scanned = redis.call('HSCAN', values, cursor, 'COUNT', 100)
    cursor, found = scanned[1], scanned[2]
  until #found > 0 or cursor == '0'
  for i = 1, #found, 2 do
    if own_keys.type_of(workflow_names.meta_key(found[i])) == 'hash' then pack(found[i]) else pack_remains(found[i]) end
  end
end
return reply
