-- commit: folded circuits of one shard, each only if it was folded from what is stored.
-- keys: lease, dirty, feed, then (circuit, history, events, probes) for each agent
-- args: fencing token, feed length, then for each agent:
--       name, checkpoint folded from ('' if none), new checkpoint, circuit blob,
--       n, n fields and values (what acquire_probe reads; sent when it changed),
--       n, n history entries,
--       '0', or '1' if the view changed, or '2' if it was folded anew and may go back,
--       n or '-1', n (member, deadline) pairs: the probes of the round
-- result: ['OK', (index, reason)... of the agents that were not committed]
--         ['FENCED']: the lease is another's; nothing was written
-- complexity: O(agents + history entries)
local function commit(keys, args)
  if not holds(keys[1], args[1]) then return {'FENCED'} end
  local result = {'OK'}
  local at, agent, key = 3, 0, 4

  local function write(circuit, history, events, probes)
    local name, checkpoint, blob = args[at], args[at + 2], args[at + 3]
    local fields = {circuit, 'checkpoint', checkpoint, 'blob', blob}
    local i = at + 4
    for j = i + 1, i + tonumber(args[i]) do fields[#fields + 1] = args[j] end
    i = i + 1 + tonumber(args[i])
    for j = i + 1, i + tonumber(args[i]) do
      redis.call('XADD', history, '*', 'h', args[j])
    end
    i = i + 1 + tonumber(args[i])
    redis.call('HSET', unpack(fields))
    if args[i] ~= '0' then
      -- Feed ids count 1, 2, 3, so that a reader sees a gap from the ids alone.
      local n = id_ms(last_id(keys[3])) + 1
      redis.call('XADD', keys[3], 'MAXLEN', '~', args[2], n .. '-0',
        'a', name, 'b', blob, 'r', args[i] == '2' and '1' or '0')
    end
    if last_id(events) == checkpoint then
      redis.call('SREM', keys[2], name)
      if args[i + 1] ~= '-1' then
        -- The log is folded to its end, so the fold's places are the truth; this heals a set
        -- that a failover or an eviction has damaged.
        redis.call('DEL', probes)
        for j = i + 2, i + 1 + tonumber(args[i + 1]) * 2, 2 do
          redis.call('ZADD', probes, args[j + 1], args[j])
        end
      end
    end
  end

  while args[at] do
    agent = agent + 1
    local stored = redis.pcall('HGET', keys[key], 'checkpoint')
    local reason = false
    if type(stored) == 'table' and stored.err then
      reason = stored.err
    elseif (stored or '') ~= args[at + 1] then
      reason = 'CONFLICT'
    else
      -- Half a commit must not happen, so the one key that may fail is looked at before.
      local entries = at + 5 + tonumber(args[at + 4])
      local kind = args[entries] ~= '0' and redis.call('TYPE', keys[key + 1]) or 'none'
      kind = type(kind) == 'table' and kind.ok or kind
      if kind ~= 'none' and kind ~= 'stream' then
        reason = 'WRONGTYPE ' .. keys[key + 1] .. ' is a ' .. kind
      else
        write(keys[key], keys[key + 1], keys[key + 2], keys[key + 3])
      end
    end
    if reason then
      result[#result + 1] = agent
      result[#result + 1] = reason
    end
    at = at + 4
    at = at + 1 + tonumber(args[at])
    at = at + 1 + tonumber(args[at])
    at = at + 1
    at = at + 1 + math.max(0, tonumber(args[at])) * 2
    key = key + 4
  end
  return result
end
redis.register_function('fuseline_commit_@VERSION@', commit)
