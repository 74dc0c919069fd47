--[[
  versions: stored versions of a workflow, newest first, the current one included.
  KEYS[1]  the state key
  ARGV[4]  the id
  ARGV[5]  only versions below this one, '' for all
  ARGV[6]  maximum number of versions
  ARGV[7]  '1' for versions with their states
  Returns  nil without a workflow, else {line of the workflow, oldest version, {header, bytes, state or ''}…};
           a header is "<version name> <updated> <deadline> <about>", see version_header
]]
local id, before, limit = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local record = workflows.load(id, ARGV[7] == '1' and 'digest')
if not record then return nil end
local oldest = redis.call('LINDEX', workflows.history_key(id), -1)
local reply = { workflows.line_of(record), oldest and string.match(oldest, '^%d+') or whole(record.version) }
local function add(header, bytes, state)
  reply[#reply + 1] = { header, bytes, ARGV[7] == '1' and state() or '' }
end
if not before or record.version < before then
  add(workflows.version_header(record), record.bytes, function() return record.text end)
end
local length = redis.call('LLEN', workflows.history_key(id))
local at = 0
while at < length and #reply < limit + 2 do
  local entry = redis.call('LINDEX', workflows.history_key(id), at)
  local stop = string.find(entry, '\n', 1, true)
  local version = tonumber(string.match(entry, '^%d+'))
  if not before or version < before then
    add(string.sub(entry, 1, stop - 1), #entry - stop, function() return string.sub(entry, stop + 1) end)
  end
  at = at + 1
end
return reply
