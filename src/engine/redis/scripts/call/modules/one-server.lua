-- In front of every script where keys stay on their server: how much later than its deadline a key may expire.
local EXPIRY_SLACK_MS = 1
