-- sweep: which agents' projections are not where their logs end.
-- keys: (circuit, events) of each agent
-- args: none
-- result: [index, 'BEHIND' | 'AHEAD', ...]; AHEAD means the log has lost entries that were folded
-- complexity: O(agents)
local function sweep(keys)
  local result = {}
  for agent = 1, #keys / 2 do
    local checkpoint = redis.pcall('HGET', keys[agent * 2 - 1], 'checkpoint')
    local tail = redis.pcall('XREVRANGE', keys[agent * 2], '+', '-', 'COUNT', 1)
    if not (type(checkpoint) == 'table') and not tail.err then
      checkpoint = checkpoint or '0-0'
      tail = tail[1] and tail[1][1] or '0-0'
      if tail ~= checkpoint then
        result[#result + 1] = agent
        result[#result + 1] = id_after(tail, checkpoint) and 'BEHIND' or 'AHEAD'
      end
    end
  end
  return result
end
redis.register_function{
  function_name = 'fuseline_sweep_@VERSION@', callback = sweep, flags = {'no-writes'}}
