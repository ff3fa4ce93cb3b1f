-- configure: the agent's record and its event in one step, under an optimistic revision.
-- keys: agents, events, circuit, dirty, wake
-- args: agent, revision the change is based on ('0': only if it is not there yet), record, event
-- result: ['OK', event id] or ['CONFLICT', stored record]
-- complexity: O(1)
local function configure(keys, args)
  local stored = redis.call('HGET', keys[1], args[1])
  local revision = stored and string.match(stored, '^(%d+) ') or '0'
  if revision ~= args[2] then return {'CONFLICT', stored or ''} end
  local id = append_control(keys[2], keys[3], keys[4], keys[5], args[1], args[4])
  redis.call('HSET', keys[1], args[1], (tonumber(revision) + 1) .. ' ' .. args[3])
  return {'OK', id}
end
redis.register_function('fuseline_configure_@VERSION@', configure)

-- override: an operator's word into the log of a registered agent.
-- keys: agents, events, circuit, dirty, wake
-- args: agent, event
-- result: ['OK', event id] or ['UNKNOWN']
-- complexity: O(1)
local function override(keys, args)
  if redis.call('HEXISTS', keys[1], args[1]) == 0 then return {'UNKNOWN'} end
  return {'OK', append_control(keys[2], keys[3], keys[4], keys[5], args[1], args[2])}
end
redis.register_function('fuseline_override_@VERSION@', override)
