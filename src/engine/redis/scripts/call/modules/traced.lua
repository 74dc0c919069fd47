-- traced: first module of a script that is run again because some key had another type. Names that key in the error.
local redis = setmetatable({
  call = function(...)
    local reply = redis.pcall(...)
    if type(reply) ~= 'table' or not reply.err then return reply end
    if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply) end
    local key = select(2, ...)
    error('KEY_TAKEN ' .. redis.call('TYPE', key).ok .. ' ' .. key .. ' END_OF_KEY', 0)
  end,
}, { __index = redis })
