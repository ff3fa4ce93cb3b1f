-- An agent's stored record, '' without one, and its revision: that of its removal if it was
-- removed, '0' if it never was there.
local function record_of(keys, agent)
  local stored = redis.call('HGET', keys[1], agent)
  if stored then return stored, string.match(stored, '^(%d+) ') end
  return '', redis.call('HGET', keys[3], 'gone') or '0'
end

-- configure: the agent's record and its event in one step, under an optimistic revision.
-- keys: agents, events, circuit, dirty, wake
-- args: agent, revision the change is based on ('0': only if it is not there yet), record, event
-- result: ['OK', event id] or ['CONFLICT', stored record or '', revision to go on from]
-- complexity: O(1)
local function configure(keys, args)
  local stored, revision = record_of(keys, args[1])
  if revision ~= args[2] then return {'CONFLICT', stored, revision} end
  local id = append_control(keys[2], keys[3], keys[4], keys[5], args[1], args[4])
  redis.call('HSET', keys[1], args[1], (tonumber(revision) + 1) .. ' ' .. args[3])
  return {'OK', id}
end
redis.register_function('fuseline_configure_@VERSION@', configure)

-- remove: an agent leaves the registry; its revisions go on if it comes back.
-- keys: agents, events, circuit, dirty, wake, removed (absent from callers of builds before 8)
-- args: agent, revision the removal is based on, event
-- result: ['OK', event id] or ['CONFLICT', stored record or '', revision]
-- complexity: O(1)
local function remove(keys, args)
  local stored, revision = record_of(keys, args[1])
  if stored == '' or revision ~= args[2] then return {'CONFLICT', stored, revision} end
  local id = append_control(keys[2], keys[3], keys[4], keys[5], args[1], args[3])
  redis.call('HSET', keys[3], 'gone', tonumber(revision) + 1)
  redis.call('HDEL', keys[1], args[1])
  -- What is left of the agent goes by this; a key that another program has taken must not hinder.
  if keys[6] then redis.pcall('HSET', keys[6], args[1], id) end
  return {'OK', id}
end
redis.register_function('fuseline_remove_@VERSION@', remove)

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
