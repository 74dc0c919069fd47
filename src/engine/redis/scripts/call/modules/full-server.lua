--[[
  full-server: a full server checks memory only at the first write of a script. So a request that needs no memory calls need_no_memory() first, and is
  accepted. A request that stores something calls need_memory(), since an earlier request of the call may have made the first write already.
]]
local has_written, no_memory = false, nil
local function need_no_memory()
  first_writes.begin(true)
  if has_written then return end
  -- Neither write stores or removes anything, but a full server refuses the first.
  local said = redis.pcall('SETRANGE', prefix .. key_names.nothing, 0, '')
  no_memory = type(said) == 'table' and said.err or nil
  if no_memory and string.find(no_memory, 'WRONGTYPE', 1, true) then
    first_writes.begin(false)
    own_keys.taken(prefix .. key_names.nothing)
  end
  redis.pcall('XDEL', prefix .. key_names.nothing, '0-0')
  has_written = true
end
local function need_memory()
  if no_memory then error({ err = no_memory }) end
end

return { need_no_memory = need_no_memory, need_memory = need_memory }
