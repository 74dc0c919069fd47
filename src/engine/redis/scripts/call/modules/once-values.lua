--[[
  once-values: values of once keys. They keep the outcome of a request, to answer its repeat.
]]
local function key_of(name) return prefix .. key_names.once .. name end

-- `kept`: JSON.
local function value(ends, fingerprint, kept) return ends .. ' ' .. fingerprint .. '\n' .. kept end

-- Result of a version: "<id> <inc> <version name> <created> <updated> <deadline> <1 when created>".
local function result_of(id, record, is_new)
  return id .. ' ' .. record.inc .. ' ' .. workflow_names.version_name(record) .. ' ' .. whole(record.created) .. ' ' .. whole(record.updated) .. ' ' ..
    deadline_text(record.deadline) .. ' ' .. (is_new and '1' or '0')
end

-- Outcome of a request with this one result, as JSON. Nil if the result needs escapes; ids have no control characters. Cheaper than to encode a table.
local function kept_of(result)
  if string.find(result, '"', 1, true) or string.find(result, '\\', 1, true) then return nil end
  return '{"results":["' .. result .. '"]}'
end

return { key_of = key_of, value = value, result_of = result_of, kept_of = kept_of }
