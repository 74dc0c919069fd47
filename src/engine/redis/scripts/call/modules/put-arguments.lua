--[[
  put-arguments: reads a commit of one put of one version under one once key, the most frequent request. It comes as plain arguments: to decode its JSON
  would take as long as several commands. plain-puts.lua reads the same arguments.
  Its arguments  'put'; flags: 'p' the part is a patch, 'm' the workflow must exist, 's' a conflict replies with the current state;
                 key, fingerprint and keepMs of its once key; id; expect, JSON; inc; ttl; about; check; digest;
                 the index entries as a JSON list, their number, and each of them; the state     an absent one is ''
  See commit.lua for their meaning.
]]
local function read_put(at)
  local _, flags, key, fingerprint, keep_ms, id, expect, inc, ttl, about, check, digest, entries, count = unpack(ARGV, at, at + PUT_PLACES - 1)
  local first = at + PUT_PLACES
  local behind = first + tonumber(count)
  local put = {
    part = string.find(flags, 'p', 1, true) and 'patches' or nil, at = 0, id = id, expect = expect ~= '' and cjson.decode(expect) or nil,
    mustExist = string.find(flags, 'm', 1, true) and true or nil, inc = inc, index = { unpack(ARGV, first, behind - 1) }, entries = entries,
    ttls = { tonumber(ttl) or ttl }, abouts = { about }, checks = { check }, digest = digest,
  }
  local once = { key = key, fingerprint = fingerprint, keepMs = tonumber(keep_ms) }
  return { kind = 'commit', once = { once }, puts = { put }, wantState = string.find(flags, 's', 1, true) and true or nil, first = behind }, behind + 1
end

return { read = read_put }
