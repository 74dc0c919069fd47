--[[
  queue-names: names of the queues of a tenant, in pages.
]]
-- `page`: {first, last, limit}, a range of ZRANGEBYLEX. Returns the names, and whether there are more.
local function page_of(page)
  local names = redis.call('ZRANGEBYLEX', prefix .. key_names.queues, page.first, page.last, 'LIMIT', 0, page.limit + 1)
  local is_more = #names > page.limit
  if is_more then names[#names] = nil end
  return names, is_more
end

return { page = page_of }
