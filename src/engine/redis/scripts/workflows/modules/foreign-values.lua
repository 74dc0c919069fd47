--[[
  foreign-values: records of values that another program has put under the key of a workflow.
]]
-- Text under a key; '' if another program has put a value of another type there.
local function text_under(key)
  local text = redis.pcall('GET', key)
  return type(text) == 'table' and '' or text
end

local ADOPTED = '{"by":"unknown","cause":"adopt","changed":null}'

-- The value of another program. `remains`: the meta of a workflow of ours that is over.
local function legacy(key, text, bytes, remains)
  local real = stored_values.real_deadline(key, false)
  local deadline = real and real + ahead
  local written = deadline and default_ttl and math.min(now, deadline - default_ttl) or now
  text = text or text_under(key)
  local sha = redis.sha1hex(text)
  return { kind = bytes == stored_values.NOT_TEXT and 'taken' or 'legacy', inc = 'legacy-' .. string.sub(sha, 1, 12), version = 1, check = false,
    digest = string.sub(sha, 1, stored_values.DIGEST_LENGTH), created = written, updated = written, deadline = deadline, ends = real,
    ttl = deadline and (default_ttl or deadline - now), bytes = bytes, about = ADOPTED, history_bytes = 0, history_ends = false, entries = '{}',
    text = text, remains = remains, due = false }
end

-- Makes the record that of a value which another program wrote over ours. `digest`: that of the value, if it is known.
local function make_foreign(key, record, real, digest)
  digest = digest or stored_values.digest_of(record.text or text_under(key))
  record.kind = record.bytes == stored_values.NOT_TEXT and 'taken' or 'foreign'
  record.version = record.version + 1
  record.digest, record.check = digest, digest
  record.indexed = record.updated
  record.updated = math.max(now, record.updated)
  record.deadline, record.ends = real and real + ahead, real
  record.ttl = real and (default_ttl or record.deadline - now)
  record.about = ADOPTED
  return record
end

return { legacy = legacy, make_foreign = make_foreign }
