--[[
  stage-history: adds a part of a long history to a list of its own, from which move-workflow takes it. A repeat adds nothing twice. The list expires,
  so a move that ends in the middle leaves nothing.
  KEYS[1]  the state key, for routing
  ARGV[4]  name of the list
  ARGV[5]  number of entries before this part
  ARGV[6+] entries, see move-workflow
  Returns  'staged'; 'lost' if parts before this one are missing; or 'fenced': nothing was written
]]
local KEPT_MS = 300000
if fence.refuses() then return 'fenced' end
local key, before = prefix .. key_names.moved .. ARGV[4], tonumber(ARGV[5])
local length = redis.call('LLEN', key)
if length < before then return 'lost' end
-- An earlier run of this call has added its part. An end that counts from the end of the list may also lie before its start; then nothing stays.
if length > before then redis.call('LTRIM', key, 0, before - length - 1) end
for i = 6, #ARGV do redis.call('RPUSH', key, ARGV[i]) end
redis.call('PEXPIRE', key, KEPT_MS)
return 'staged'
