-- tell: a circuit as it is stored and the few events that its log has beyond it, for processes that
-- want to know what those come to before a projector has said it. They fold them themselves.
-- keys: circuit, events, ahead
-- args: agent, most events
-- result: the number of events told; 0: none can matter, or there are more
-- complexity: O(most events)
local function tell(keys, args)
  local most = tonumber(args[2])
  local c = redis.call('HMGET', keys[1], 'near', 'checkpoint')
  local near = tonumber(c[1] or '') or 0
  if near == 0 then return 0 end
  local entries = redis.call('XRANGE', keys[2], '(' .. c[2], '+', 'COUNT', most + 1)
  if #entries < near or #entries > most then return 0 end
  local told = {'a', args[1], 'b', redis.call('HGET', keys[1], 'blob')}
  for _, entry in ipairs(entries) do
    local fields = entry[2]
    if fields[1] ~= 'e' or #fields > 2 then return 0 end
    for _, part in ipairs({'i', entry[1], 'e', fields[2]}) do told[#told + 1] = part end
  end
  redis.call('XADD', keys[3], 'MAXLEN', '~', 500, '*', unpack(told))
  return #entries
end
redis.register_function('fuseline_tell_@VERSION@', tell)
