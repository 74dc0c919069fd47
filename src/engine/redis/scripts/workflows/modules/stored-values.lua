--[[
  stored-values: what Redis says of the value under the key of a workflow.
]]
-- Stands for the length of a value of another type. No state of ours has this length.
local NOT_TEXT = -1

local function length_under(key)
  local length = redis.pcall('STRLEN', key)
  return type(length) == 'table' and NOT_TEXT or length
end

-- PEXPIRETIME came with Redis 7, and this number too.
local HAS_EXPIRY_TIMES = (redis.REDIS_VERSION_NUM or 0) >= 0x070000

-- The time at which Redis expires a key; false for never. If `expected` differs by at most EXPIRY_SLACK_MS, it is the result.
local function real_deadline(key, expected)
  if HAS_EXPIRY_TIMES then
    local at = redis.call('PEXPIRETIME', key)
    if at < 0 then return false end
    return expected and at >= expected - 1 and at <= expected + EXPIRY_SLACK_MS and expected or at
  end
  -- The server may stall between PTTL and TIME, so the expiry is known only to lie between two times.
  local before = server_time()
  local left = redis.call('PTTL', key)
  if left < 0 then return false end
  local later = expected and before + left - expected
  if expected and later >= -1 and later <= EXPIRY_SLACK_MS then return expected end
  local after = server_time()
  if expected and expected >= before + left - EXPIRY_SLACK_MS and expected <= after + left + 1 then return expected end
  return after + left
end

-- Digest of a state. Same as digestOf in src/engine/records/check.ts.
local DIGEST_LENGTH = 8
local function digest_of(text) return string.sub(redis.sha1hex(text), 1, DIGEST_LENGTH) end

return { NOT_TEXT = NOT_TEXT, DIGEST_LENGTH = DIGEST_LENGTH, length_under = length_under, real_deadline = real_deadline, digest_of = digest_of }
