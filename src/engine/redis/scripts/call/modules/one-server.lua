-- First module of every script, except on a Cluster. A key may expire this much later than its deadline.
local EXPIRY_SLACK_MS = 1
