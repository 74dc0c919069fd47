--[[
  versions: a part of a page of the stored versions of a workflow, the current one included.
  KEYS[1]  the state key
  ARGV[4]  the id
  ARGV[5]  'asc' for the oldest first, 'desc' for the newest first
  ARGV[6]  maximum number of versions
  ARGV[7]  '1' for versions with their states
  ARGV[8]  only versions below this one, '' for all
  ARGV[9]  only versions above this one, '' for all
  ARGV[10] last version of the part before, "<incarnation> <version name>"; '' for the first part
  Returns  nil without a workflow, else {line of the workflow, 'end', version…}; 'more' in place of 'end' if the part is full before the page is, 'lost' if
           the last version of the part before is no longer kept. A version is as in version.lua; without states it has only the header
]]
local id, is_rising, limit, with_states = ARGV[4], ARGV[5] == 'asc', tonumber(ARGV[6]), ARGV[7] == '1'
local before, after, last = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10]
local record = workflows.load(id, with_states and 'digest')
if not record then return nil end

-- Places are those in the history, from 0 for the newest earlier version. The current version stands before it.
local CURRENT = -1

local function newest_place()
  if not before or before > record.version then return CURRENT end
  return history.count_from(id, before, record.version)
end

local function oldest_place()
  if not after then return history.length_of(id) - 1 end
  if after >= record.version then return CURRENT - 1 end
  return history.count_from(id, after + 1, record.version) - 1
end

local function place_of_last()
  local incarnation, name = string.match(last, '^(%S+) (%S+)$')
  if incarnation ~= record.inc then return nil end
  if name == workflow_names.version_name(record) then return CURRENT end
  local _, place = history.find_named(id, name, record.version)
  return place
end

local reply, done = { workflows.line_of(record), 'end' }, nil
if last ~= '' then
  done = place_of_last()
  if not done then return { reply[1], 'lost' } end
end
local first, final, step
if is_rising then first, final, step = done and done - 1 or oldest_place(), newest_place(), -1
else first, final, step = done and done + 1 or newest_place(), oldest_place(), 1 end
for place = first, final, step do
  if #reply == limit + 2 then break end
  if #reply > 2 and history.is_piece_full() then
    reply[2] = 'more'
    break
  end
  if place == CURRENT then reply[#reply + 1] = history.shown_current(record, with_states)
  else reply[#reply + 1] = history.shown(history.entry_at(id, place), with_states) end
end
return reply
