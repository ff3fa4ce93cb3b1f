-- purge: all that is left of an agent that left the registry long ago, unless something needs it.
-- One that is registered again is taken off the removed ones instead: its last word is another.
-- keys: lease, removed, archive, readers, dirty, events, history, circuit, probes, counts, origin
-- args: fencing token, agent, ms before which it was removed and its last event came
-- result: 'OK': nothing of it is left;  'FENCED': the lease is another's
--         'BACK': it is registered;  'HELD': it is too young, or folding, the archive or a reader
--         has not passed its end; nothing was done
-- complexity: O(readers of the shard); keys are freed beside everything else
local function purge(keys, args)
  if not holds(keys[1], args[1]) then return 'FENCED' end
  local agent, before = args[2], tonumber(args[3])
  local removed = redis.call('HGET', keys[2], agent)
  if not removed then return 'HELD' end
  local said = redis.call('HMGET', keys[8], 'control', 'checkpoint')
  if said[1] and said[1] ~= removed then
    redis.call('HDEL', keys[2], agent)
    return 'BACK'
  end
  local ended = last_id(keys[6])
  if id_ms(removed) >= before or id_ms(ended) >= before then return 'HELD' end
  if (said[2] or '0-0') ~= ended then return 'HELD' end
  local events_to, history_to = archived(keys[3], agent)
  if events_to and (id_after(ended, events_to) or id_after(last_id(keys[7]), history_to)) then
    return 'HELD'
  end
  if first_reader(keys[4], agent, now_ms()) then return 'HELD' end
  redis.call('UNLINK', unpack(keys, 6, 11))
  redis.call('HDEL', keys[2], agent)
  redis.call('HDEL', keys[3], agent)
  redis.call('SREM', keys[5], agent)
  return 'OK'
end
redis.register_function('fuseline_purge_@VERSION@', purge)
