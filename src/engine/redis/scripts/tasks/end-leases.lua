--[[
  end-leases: ends the leases of these tasks that are over, as a claim does. Idempotent.
  KEYS[1]  any key of the tenant, for routing
  ARGV[4]  the call: see tasks.lua; ids
]]
local over = {}
for _, id in ipairs(call.ids) do
  local task = task_store.load(id)
  if task and end_task.is_lease_over(task) then
    create_task.expect_changeable(task)
    over[#over + 1] = task
  end
end
if #over == 0 then return end
own_keys.expect('stream', prefix .. key_names.events)
own_keys.expect('zset', queue_times.key)
full_server.need_no_memory()
for _, task in ipairs(over) do end_task.expire_lease(task) end
finish_call.finish()
