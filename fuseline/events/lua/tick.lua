-- tick: an event for each agent whose deadline has come, so that the log says when time was seen.
-- keys: lease, dirty, wake, then events of each agent
-- args: fencing token, Tick event, then for each agent: name, deadline ms
-- result: ['OK', now ms, agents that got their tick...] or ['FENCED']
-- complexity: O(agents)
local function tick(keys, args)
  if not holds(keys[1], args[1]) then return {'FENCED'} end
  local now, names = now_ms(), {}
  for at = 3, #args, 2 do
    if tonumber(args[at + 1]) <= now then
      -- A key that is no stream must not keep the others from their ticks; the fold sets it aside.
      redis.pcall('XADD', keys[3 + (at - 1) / 2], '*', 'e', args[2])
      redis.pcall('SADD', keys[2], args[at])
      names[#names + 1] = args[at]
    end
  end
  return {'OK', now, unpack(names)}
end
redis.register_function('fuseline_tick_@VERSION@', tick)
