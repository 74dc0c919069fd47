--[[
  conflicts: the conflict records of a workflow, newest first.
  KEYS[1]  the state key
  ARGV[4]  the id
  ARGV[5]  only records below this number; '' for all
  ARGV[6]  maximum number of records
  ARGV[7]  '1' for records with their states
  ARGV[8]  maximum bytes of records and states; the first record is there whatever its size
  Returns  {next, n, record, state or false, …}; the next page is below `next`, 0 at the end. A call examines MAX_EXAMINED numbers, so a
           page may be short.
]]
local MAX_EXAMINED = 1000
local id, limit, with_states, max_bytes = ARGV[4], tonumber(ARGV[6]), ARGV[7] == '1', tonumber(ARGV[8])
local below = tonumber(ARGV[5]) or (tonumber(redis.call('HGET', conflict_records.key(id), 'last') or 0) + 1)
local reply, count, bytes = { 0 }, 0, 0
for n = below - 1, math.max(1, below - MAX_EXAMINED), -1 do
  local record = conflict_records.read(id, n)
  if record then
    bytes = bytes + #record + (with_states and redis.call('STRLEN', conflict_records.state_key(id, n)) or 0)
    if count > 0 and bytes > max_bytes then break end
    reply[#reply + 1] = n
    reply[#reply + 1] = record
    reply[#reply + 1] = with_states and redis.call('GET', conflict_records.state_key(id, n)) or false
    count = count + 1
  end
  reply[1] = n
  if count == limit then break end
end
if reply[1] == 1 then reply[1] = 0 end
return reply
