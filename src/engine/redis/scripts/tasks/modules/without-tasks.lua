--[[
  In place of the modules of tasks, for commits without any part that is about tasks: most have none, and every call would pay for the functions. The
  other modules that commit.lua names are not called then.
]]
local claim_tasks = { replay_of = once_keys.happened }
local task_store = { read_ahead = function() end }
local finish_call = { finish = writing.tell }
