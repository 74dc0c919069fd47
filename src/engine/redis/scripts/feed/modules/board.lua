--[[
  board: changes of a board. src/engine/board.ts does the same, step by step.
  A change is {board, add {name: number}, notices [{name, keepMs}], entries (how many)}. `next_text` gives the texts of notices, then of entries.
]]
local function board_key(kind, board) return prefix .. key_names.board .. kind .. ':' .. board end

local function expect_board(board)
  own_keys.expect('zset', prefix .. key_names.boards)
  for kind, type in pairs({ counts = 'hash', notices = 'hash', ends = 'zset', entries = 'list' }) do own_keys.expect(type, board_key(kind, board)) end
end

local function change_board(change, next_text)
  local board = change.board
  redis.call('ZADD', prefix .. key_names.boards, 0, board)
  for name, count in pairs(change.add) do redis.call('HINCRBY', board_key('counts', board), name, whole(count)) end
  if #change.notices > 0 then
    local notices, ends = board_key('notices', board), board_key('ends', board)
    for _, notice in ipairs(change.notices) do
      redis.call('HSET', notices, notice.name, next_text())
      redis.call('ZADD', ends, whole(now + notice.keepMs), notice.name)
    end
    local over = redis.call('ZCOUNT', ends, '-inf', whole(now))
    over = math.max(over, redis.call('ZCARD', ends) - limits.MAX_BOARD_NOTICES)
    while over > 0 do
      redis.call('HDEL', notices, redis.call('ZPOPMIN', ends)[1])
      over = over - 1
    end
    feeding.hint('board ' .. board)
  end
  for _ = 1, change.entries do redis.call('LPUSH', board_key('entries', board), next_text()) end
  if change.entries > 0 then redis.call('LTRIM', board_key('entries', board), 0, limits.MAX_BOARD_ENTRIES - 1) end
end

return { key = board_key, expect = expect_board, change = change_board }
