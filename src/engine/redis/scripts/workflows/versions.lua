--[[
  versions: stored versions of a workflow, the current one included.
  KEYS[1]  the state key
  ARGV[4]  the id
  ARGV[5]  'asc' for the oldest first, 'desc' for the newest first
  ARGV[6]  maximum number of versions
  ARGV[7]  '1' for versions with their states
  ARGV[8]  only versions below this one, '' for all
  ARGV[9]  only versions above this one, '' for all
  Returns  nil without a workflow, else {line of the workflow, oldest version, {header, bytes, state or ''}…};
           a header is "<version name> <updated> <deadline> <about>", see version_header
]]
local id, is_rising, limit, with_states = ARGV[4], ARGV[5] == 'asc', tonumber(ARGV[6]), ARGV[7] == '1'
local before, after = tonumber(ARGV[8]), tonumber(ARGV[9])
local record = workflows.load(id, with_states and 'digest')
if not record then return nil end
local oldest = history.entry_at(id, -1)
local reply = { workflows.line_of(record), oldest and string.match(oldest, '^%d+') or whole(record.version) }

local function add_current()
  if (before and record.version >= before) or (after and record.version <= after) or #reply == limit + 2 then return end
  reply[#reply + 1] = { workflows.version_header(record), record.bytes, with_states and record.text or '' }
end

local function add_earlier(first, last, step)
  for at = first, last, step do
    if #reply == limit + 2 then return end
    local entry = history.entry_at(id, at)
    local stop = string.find(entry, '\n', 1, true)
    reply[#reply + 1] = { string.sub(entry, 1, stop - 1), #entry - stop, with_states and string.sub(entry, stop + 1) or '' }
  end
end

local newest_place = before and history.count_from(id, before, record.version) or 0
local oldest_place = (after and history.count_from(id, after + 1, record.version) or history.length_of(id)) - 1
if is_rising then
  add_earlier(oldest_place, newest_place, -1)
  add_current()
else
  add_current()
  add_earlier(newest_place, oldest_place, 1)
end
return reply
