--[[
  In place of tasks.lua for commits without any part that is about tasks: most have none, and every call would pay for the functions.
  commit.lua knows these names, and uses none of them then.
]]
local MOST_CANCELLED = 0
local again, leased_task, open_tasks_of, finish, cancel_all_of, create_task, ended_by, claim, lent_of, change_board, epoch_of_feed, event_id
local function without_room() return nil end
local function replay_of(request) return happened(request) end
local function finish_call() end
local function read_ahead() end
