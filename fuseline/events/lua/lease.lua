-- lease: takes or renews the right to project a shard. The token grows with each owner, so the
-- commit of a paused one that wakes up is refused even if the clock made leases vanish.
-- After a failover that took it back a token may be given out again, so who renews must be the owner.
-- keys: lease, fence
-- args: owner, time to live ms, token ('0' if none is held), '1' to take it from another
-- result: the token, or 0 if another holds the lease
-- complexity: O(1)
local function lease(keys, args)
  if redis.call('GET', keys[1]) == args[3] .. ' ' .. args[1] then
    redis.call('PEXPIRE', keys[1], args[2])
    return tonumber(args[3])
  end
  if args[4] ~= '1' and redis.call('EXISTS', keys[1]) == 1 then return 0 end
  local token = redis.call('INCR', keys[2])
  redis.call('SET', keys[1], token .. ' ' .. args[1], 'PX', args[2])
  return token
end
redis.register_function('fuseline_lease_@VERSION@', lease)

-- release: gives the lease back, if it is still held under the token.
-- keys: lease
-- args: token
-- result: 1 or 0
-- complexity: O(1)
local function release(keys, args)
  if not holds(keys[1], args[1]) then return 0 end
  return redis.call('DEL', keys[1])
end
redis.register_function('fuseline_release_@VERSION@', release)
