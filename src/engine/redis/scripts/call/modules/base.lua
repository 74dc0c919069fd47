--[[
  base: time and number formats. First module of every script that needs the time.
  ARGV[1]  prefix of the tenant's keys
  ARGV[2]  key of the clock, see clock.lua; or, in tests, the time in milliseconds, later than the real one
  ARGV[3]  default time to live in milliseconds or '-' for never, maximum number of events in the feed, and the name of this run of the script;
           in a call behind a fence also the name of the replica and its epoch
]]
local prefix = ARGV[1]
local default_ttl, events_kept, run_name, replica, epoch = string.match(ARGV[3], '^(%S+) (%d+) (%w+) ?(%S*) ?(%S*)$')
default_ttl = tonumber(default_ttl) or false

local function server_time()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Time of the script. The module `clock` adds to it what the clock of the server is behind: `ahead`.
local given_time = tonumber(ARGV[2])
local clock_key = given_time and prefix .. key_names.clock or ARGV[2]
local now, ahead = given_time or server_time(), 0

-- Formats an integer; tostring would use scientific notation. Cached, since a call formats the same few numbers often.
local texts_of_numbers = {}
local function whole(number)
  local text = texts_of_numbers[number]
  if not text then
    text = string.format(number % 1 == 0 and '%d' or '%.0f', number)
    if number == number then texts_of_numbers[number] = text end
  end
  return text
end
local function deadline_text(deadline) return deadline and whole(deadline) or '-' end

