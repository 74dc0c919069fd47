--[[
  probe: tries every command that the other scripts use. Its own keys are removed at the end.
  KEYS[1]  any key of the tenant, for routing
  ARGV[1]  prefix of the tenant's keys
  ARGV[2]  a unique name
  Returns  for each command that failed {command, error}
]]
local own = ARGV[1] .. key_names.probe .. ARGV[2] .. ':'
local text, hash, list, set, stream, number, other = own .. 'text', own .. 'hash', own .. 'list', own .. 'set', own .. 'stream', own .. 'number', own .. 'other'
local later = '99999999999999'
local tried = {
  { 'TIME' }, { 'TYPE', text }, { 'EXISTS', text, hash }, { 'SET', text, 'x', 'PX', '60000' }, { 'GET', text }, { 'MGET', text, number }, { 'MSET', text, 'x' },
  { 'STRLEN', text }, { 'SETRANGE', text, '0', '' },
  { 'PTTL', text }, { 'PERSIST', text }, { 'PEXPIREAT', text, later }, { 'PEXPIRE', text, '60000' }, { 'INCRBY', number, '2' },
  { 'HSET', hash, 'a', '1' }, { 'HGET', hash, 'a' }, { 'HMGET', hash, 'a' }, { 'HGETALL', hash },
  { 'HINCRBY', hash, 'a', '1' }, { 'HDEL', hash, 'b' }, { 'HLEN', hash }, { 'HSCAN', hash, '0' },
  { 'LPUSH', list, 'a' }, { 'RPUSH', list, 'b' }, { 'LRANGE', list, '0', '0' }, { 'LINDEX', list, '0' }, { 'LLEN', list }, { 'LTRIM', list, '0', '9' },
  { 'RPOP', list }, { 'LPOP', list }, { 'ZADD', set, '1', 'a' }, { 'ZCARD', set }, { 'ZCOUNT', set, '0', '1' }, { 'ZLEXCOUNT', set, '-', '+' },
  { 'ZRANGE', set, '0', '0' }, { 'ZRANGEBYLEX', set, '-', '+' }, { 'ZRANGEBYSCORE', set, '0', '1' }, { 'ZREVRANGE', set, '0', '0' },
  { 'ZREVRANGEBYSCORE', set, '1', '0' }, { 'ZSCORE', set, 'a' }, { 'ZRANK', set, 'a' },
  { 'ZREM', set, 'b' }, { 'ZUNIONSTORE', set, '1', set }, { 'ZPOPMIN', set },
  { 'ZREMRANGEBYSCORE', set, '0', '1' }, { 'ZREMRANGEBYRANK', set, '0', '0' },
  { 'XADD', stream, 'MAXLEN', '~', '10', '*', 'a', '1' }, { 'XLEN', stream }, { 'XDEL', stream, '0-0' }, { 'XRANGE', stream, '-', '+' }, { 'XREVRANGE', stream, '+', '-' },
  { 'XTRIM', stream, 'MINID', '~', '0' }, { 'PUBLISH', ARGV[1] .. key_names.changes, 'probe' },
  { 'GETRANGE', text, '0', '0' }, { 'RENAMENX', number, other }, { 'RENAME', other, number }, { 'DEL', text, hash }, { 'UNLINK', text, hash, list, set, stream, number, other },
}
-- Redis 6.2 does not have it, and the scripts do without it there.
if (redis.REDIS_VERSION_NUM or 0) >= 0x070000 then tried[#tried + 1] = { 'PEXPIRETIME', text } end
local failed = {}
for _, command in ipairs(tried) do
  local reply = redis.pcall(unpack(command))
  if type(reply) == 'table' and reply.err then failed[#failed + 1] = { command[1], reply.err } end
end
return failed
