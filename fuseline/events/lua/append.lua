-- Arguments of an append whose events travel with the wake-up; reading them would cost the
-- projector a round trip.
local MOST_CARRIED = 24

-- append: outcomes of one producer into the streams of a shard, once each and without gaps.
-- keys: producers, dirty, wake, then (events, probes) for each agent
-- args: producer, producer name, incarnation, first sequence number, delay ms ('' if none),
--       agents, then for each agent: name, n, n events;
--       then for each settled probe: index of the agent, member, 'spent' | 'failed' | 'back'
-- result: ['OK', last sequence number, now ms, last id of each agent..., (index, error)...]
--         ['GAP', last sequence number known]: nothing was written
--         ['TAKEN']: another producer uses this id;  ['STALE']: a later incarnation has written
-- complexity: O(events)
-- A function that fails half way keeps what it has written, so after the first XADD nothing may
-- fail: keys that another program has taken are passed over (pcall), or all would come twice.
local function append(keys, args)
  local producer, name = args[1], args[2]
  local incarnation, first = tonumber(args[3]), tonumber(args[4])
  local delay, agents = args[5], tonumber(args[6])

  local last = 0
  local stored = redis.call('HGET', keys[1], producer)
  if stored then
    local known, seq, owner = string.match(stored, '^(%d+) (%d+) %d+ (.*)$')
    if owner ~= name then return {'TAKEN'} end
    known = tonumber(known)
    if known > incarnation then return {'STALE'} end
    if known == incarnation then last = tonumber(seq) end
  end
  if first > last + 1 then return {'GAP', last} end

  local skip = last + 1 - first
  local now = now_ms()
  local ids, errors, touched, fresh = {}, {}, {}, 0
  local carried = delay == '' and #args <= MOST_CARRIED and {}
  local at = 7
  for agent = 1, agents do
    local agent_name, count = args[at], tonumber(args[at + 1])
    local events = keys[2 + agent * 2]
    local id = false
    local from = math.min(skip, count)
    skip = skip - from
    if carried and from < count then
      local ended = redis.pcall('XREVRANGE', events, '+', '-', 'COUNT', 1)
      carried[#carried + 1] = 'p'
      carried[#carried + 1] = ended[1] and ended[1][1] or '0-0'
    end
    for i = from + 1, count do
      local reply
      if delay == '' then
        reply = redis.pcall('XADD', events, '*', 'e', args[at + 1 + i])
      else
        reply = redis.pcall('XADD', events, '*', 'e', args[at + 1 + i], 'd', delay)
      end
      if type(reply) == 'table' and reply.err then
        -- Somebody else's key. The rest of the batch must not suffer, and must not come twice.
        errors[#errors + 1] = agent
        errors[#errors + 1] = reply.err
        break
      end
      id = reply
      if carried then
        for _, part in ipairs({'i', id, 'e', args[at + 1 + i]}) do carried[#carried + 1] = part end
      end
    end
    fresh = fresh + count - from
    if id then
      redis.pcall('SADD', keys[2], agent_name)
      touched[#touched + 1] = agent_name
    elseif from == count then
      local tail = redis.pcall('XREVRANGE', events, '+', '-', 'COUNT', 1)
      id = not tail.err and tail[1] and tail[1][1]
    end
    ids[agent] = id or ''
    at = at + 2 + count
  end

  if fresh > 0 then
    while args[at] do
      local probes = keys[3 + tonumber(args[at]) * 2]
      local id = ids[tonumber(args[at])]
      local member, verdict = args[at + 1], args[at + 2]
      local deadline = redis.pcall('ZSCORE', probes, member)
      if type(deadline) == 'string' then
        -- The fold gives the place back at the deadline; a result that comes later is history.
        local in_time = id ~= '' and id_ms(id) < tonumber(deadline)
        if verdict == 'back' or not in_time then
          redis.call('ZREM', probes, member)
        else
          redis.call('ZADD', probes, 'inf', member)
          if verdict == 'failed' then
            redis.call('ZADD', probes, 'inf', string.match(member, '^%d+|') .. '!')
          end
        end
      end
      at = at + 3
    end
    last = last + fresh
    redis.call('HSET', keys[1], producer,
      string.format('%d %d %d %s', incarnation, last, now, name))
    if #touched > 0 then
      local names = #touched <= 8 and table.concat(touched, '\n') or '*'
      wake(keys[3], names, #errors == 0 and names ~= '*' and carried)
    end
  end

  local result = {'OK', last, now}
  for agent = 1, agents do result[#result + 1] = ids[agent] end
  for i = 1, #errors do result[#result + 1] = errors[i] end
  return result
end
redis.register_function('fuseline_append_@VERSION@', append)
