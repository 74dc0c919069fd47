--[[
  request-call: the call of requests.lua.
  ARGV[4]  keptMs, historyLimit, historyMaxBytes, and limits as JSON (see tasks.lua) if any request is about tasks
]]
local call = {}
do
  local kept_ms, history_limit, history_max_bytes, limits_json = string.match(ARGV[4], '^(%d+) (%d+) (%d+) ?(.*)$')
  call.keptMs, call.historyLimit, call.historyMaxBytes = tonumber(kept_ms), tonumber(history_limit), tonumber(history_max_bytes)
  if limits_json ~= '' then call.limits = cjson.decode(limits_json) end
end

-- Handler of each kind of request; the files after this one add theirs.
local perform = {}
