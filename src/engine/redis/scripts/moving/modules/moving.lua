-- Stamps of workflows, in the format of src/engine/moving/stamp.ts.
local function workflow_stamp(record, versions)
  return record.inc .. '-' .. workflow_names.version_name(record) .. ' ' .. whole(record.updated) .. ' ' .. deadline_text(record.ttl) .. ' ' .. whole(versions) ..
    ' ' .. deadline_text(record.deadline)
end

-- A stamp without its deadline.
local function core_of(stamp) return string.match(stamp, '^(.*) [^ ]*$') or stamp end

local function stamp_of(id, record) return workflow_stamp(record, redis.call('LLEN', workflow_names.history_key(id))) end

-- Another program has put an empty value in place of a state. No state of ours is empty.
local function is_emptied(id) return redis.call('EXISTS', workflow_names.state_key(id)) == 1 and redis.call('STRLEN', workflow_names.state_key(id)) == 0 end

return { is_emptied = is_emptied, core_of = core_of, stamp_of = stamp_of }
