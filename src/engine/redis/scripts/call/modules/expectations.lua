--[[
  expectations: whether a workflow is as a request expects it.
]]
-- `expect`: {version}, {etags}, {exists} or {incarnation}; `record`: nil for an absent workflow.
local function holds(expect, record)
  if expect.exists ~= nil then return expect.exists == (record ~= nil) end
  if not record then return false end
  if expect.version then return expect.version == record.version end
  if expect.incarnation then return expect.incarnation == record.inc end
  local etag = workflow_names.tag_of(record)
  for _, wanted in ipairs(expect.etags) do
    if wanted == etag then return true end
  end
  return false
end

return { holds = holds }
