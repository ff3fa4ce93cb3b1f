-- acquire_probe: a place in a HALF_OPEN round, exact over all processes.
-- keys: circuit, probes, events, dirty, wake
-- args: agent, epoch of the round, lease ms, ProbeStarted event
-- result: ['OK', permit, lease deadline ms]
--         ['OPEN', ms until probes are allowed]
--         ['FULL', ms until the first lease ends, now]: all places are out
--         ['DECIDED']: the results that end the round are in the log but not yet folded
--         ['BEHIND']: a config change or override is not yet folded
--         ['MOVED']: the circuit is in another state or round than the caller believes
-- complexity: O(half_open_max_calls)
local function acquire_probe(keys, args)
  local c = redis.call('HMGET', keys[1],
    'state', 'epoch', 'open_until', 'limit', 'checkpoint', 'control')
  local state, epoch = c[1], tonumber(c[2] or '')
  if not state then return {'MOVED'} end
  if c[6] and id_after(c[6], c[5]) then return {'BEHIND'} end

  -- The id of the event decides when the lease begins, and ids never go back.
  local ended = last_id(keys[3])
  local now = math.max(now_ms(), id_ms(ended))
  local round = epoch
  if state == 'open' then
    local wait = tonumber(c[3]) - now
    if wait > 0 then return {'OPEN', wait} end
    round = epoch + 1
  elseif state ~= 'half_open' then
    return {'MOVED'}
  end
  if round ~= tonumber(args[2]) then return {'MOVED'} end

  local prefix = round .. '|'
  local out, spent, first = 0, 0, math.huge
  local members = redis.call('ZRANGE', keys[2], 0, -1, 'WITHSCORES')
  for i = 1, #members, 2 do
    local member, deadline = members[i], tonumber(members[i + 1])
    if string.sub(member, 1, #prefix) ~= prefix or deadline <= now then
      redis.call('ZREM', keys[2], member)
    elseif member == prefix .. '!' then
      return {'DECIDED'}
    else
      out = out + 1
      if deadline == math.huge then spent = spent + 1 end
      first = math.min(first, deadline)
    end
  end
  local limit = tonumber(c[4])
  if spent >= limit then return {'DECIDED'} end
  if out >= limit then return {'FULL', first == math.huge and 0 or first - now} end

  local id = redis.call('XADD', keys[3], '*', 'e', args[4])
  local deadline = id_ms(id) + tonumber(args[3])
  redis.call('ZADD', keys[2], deadline, prefix .. id)
  redis.call('SADD', keys[4], args[1])
  wake(keys[5], args[1], {'p', ended, 'i', id, 'e', args[4]})
  return {'OK', id, deadline}
end
redis.register_function('fuseline_acquire_probe_@VERSION@', acquire_probe)
