-- store: folded circuits of one shard, each only if it was folded from what is stored.
-- keys: lease, dirty, feed, then (circuit, history, events, probes, counts) for each agent
-- args: fencing token, feed length, then for each agent:
--       name, checkpoint folded from ('' if none), new checkpoint, circuit blob,
--       n, n fields and values (what acquire_probe reads; sent when it changed),
--       n, n history entries,
--       '0', or '1' if the view changed, or '2' if it was folded anew and may go back,
--       n or '-1', n (member, deadline) pairs: the probes of the round,
--       n, n (unit, rollup) pairs for the hash of counts; '' deletes a unit
-- result: ['OK', (index, reason)... of the agents that were not committed]
--         ['FENCED']: the lease is another's; nothing was written
-- complexity: O(agents + history entries + rollups)
-- commit: the same without counts, for processes of an earlier build.
local function store_all(keys, args, counted)
  if not holds(keys[1], args[1]) then return {'FENCED'} end
  local result = {'OK'}
  local at, agent, key = 3, 0, 4

  local function write(circuit, history, events, probes, counts)
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
    if counted then
      i = i + 2 + math.max(0, tonumber(args[i + 1])) * 2
      for j = i + 1, i + tonumber(args[i]) * 2, 2 do
        if args[j + 1] == '' then
          redis.call('HDEL', counts, args[j])
        else
          redis.call('HSET', counts, args[j], args[j + 1])
        end
      end
    end
  end

  -- The type of a key that is about to be written, if it is the wrong one.
  local function misused(key_name, wanted)
    local kind = redis.call('TYPE', key_name)
    kind = type(kind) == 'table' and kind.ok or kind
    return kind ~= 'none' and kind ~= wanted and kind
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
      -- Half a commit must not happen, so the keys that may fail are looked at before.
      local entries = at + 5 + tonumber(args[at + 4])
      local kind = args[entries] ~= '0' and misused(keys[key + 1], 'stream')
      local name = keys[key + 1]
      if counted and not kind then
        local places = entries + 2 + tonumber(args[entries])
        local rollups = places + 1 + math.max(0, tonumber(args[places])) * 2
        kind, name = args[rollups] ~= '0' and misused(keys[key + 4], 'hash'), keys[key + 4]
      end
      if kind then
        reason = 'WRONGTYPE ' .. name .. ' is a ' .. kind
      else
        write(keys[key], keys[key + 1], keys[key + 2], keys[key + 3], counted and keys[key + 4])
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
    if counted then at = at + 1 + tonumber(args[at]) * 2 end
    key = key + (counted and 5 or 4)
  end
  return result
end
redis.register_function('fuseline_store_@VERSION@',
  function(keys, args) return store_all(keys, args, true) end)
redis.register_function('fuseline_commit_@VERSION@',
  function(keys, args) return store_all(keys, args, false) end)

-- rollups: closed units of a log that was folded anew, before the commit that stands on them.
-- keys: lease, counts
-- args: fencing token, then (unit, rollup) pairs
-- result: 'OK' or 'FENCED'
-- complexity: O(rollups)
local function rollups(keys, args)
  if not holds(keys[1], args[1]) then return 'FENCED' end
  redis.call('HSET', keys[2], unpack(args, 2))
  return 'OK'
end
redis.register_function('fuseline_rollups_@VERSION@', rollups)
