-- alerts_write: commands of the notifier, in one step and only under its lease.
-- keys: lease, then those that the commands write to
-- args: fencing token, then for each command: its name, the number of its key, n, n arguments
-- result: 'OK' or 'FENCED'
-- complexity: O(commands)
local function alerts_write(keys, args)
  if not holds(keys[1], args[1]) then return 'FENCED' end
  local at = 2
  while args[at] do
    local n = tonumber(args[at + 2])
    redis.call(args[at], keys[tonumber(args[at + 1])], unpack(args, at + 3, at + 2 + n))
    at = at + 3 + n
  end
  return 'OK'
end
redis.register_function('fuseline_alerts_write_@VERSION@', alerts_write)

-- alerts_put: a rule or channel, if it stands at the revision that the change was made for.
-- Revisions are counted under the empty name, so that one that is made again has none of before.
-- keys: records, audit, wake
-- args: name, revision ('0': it is not there, '*': whatever it is), record ('' removes it), audit
--       entry, length of the audit
-- result: ['OK', revision] or ['CONFLICT', stored record or '']
-- complexity: O(1)
local function alerts_put(keys, args)
  local stored = redis.call('HGET', keys[1], args[1]) or ''
  local revision = string.match(stored, '^(%d+) ') or '0'
  if args[2] ~= '*' and revision ~= args[2] then return {'CONFLICT', stored} end
  if args[3] == '' and stored == '' then return {'CONFLICT', ''} end
  local new = redis.call('HINCRBY', keys[1], '', 1)
  if args[3] == '' then
    redis.call('HDEL', keys[1], args[1])
  else
    redis.call('HSET', keys[1], args[1], new .. ' ' .. args[3])
  end
  redis.call('XADD', keys[2], 'MAXLEN', '~', args[5], '*', 'r', new, 'e', args[4])
  redis.call('XADD', keys[3], 'MAXLEN', '~', 100, '*', 'w', '1')
  return {'OK', new}
end
redis.register_function('fuseline_alerts_put_@VERSION@', alerts_put)
