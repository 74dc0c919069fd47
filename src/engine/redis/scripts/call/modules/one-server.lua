--[[
  Put in front of every script where keys stay on their server.
]]
-- How much later than it was told to a server may let a key go.
local LATER_MS = 1
