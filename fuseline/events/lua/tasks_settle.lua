-- tasks_finish: the result of a task, once. The first one counts, whoever brings it: a worker that
-- was paused and wakes up changes nothing.
-- keys: TaskKeys
-- args: id, result, ms the result is kept, '1' if the result also stands in the stream of results,
--       length of that stream, why it is a dead letter ('' if it is none), error text, ms that
--       dead letters are kept ('0': for ever; absent from callers of builds before 8)
-- result: ['OK'], ['LATE'] if it has a result already, ['GONE'] if nothing is known of it
-- complexity: O(1)
local function tasks_finish(keys, args)
  local k, id = task_keys(keys), args[1]
  local t = task_read(k, id)
  if not t then return {'GONE'} end
  if t.state == 'done' then return {'LATE'} end
  task_detach(k, t)
  if args[6] ~= '' then
    -- Those that are old go by the way; about, so that whole nodes go and not too many at once.
    local kept = tonumber(args[8] or '0')
    local oldest = kept > 0 and string.format('%.0f', math.max(0, now_ms() - kept)) or '0'
    redis.call('XADD', k.dead, 'MINID', '~', oldest, '*', 'task', id, 'agent', t.agent, 'reason', args[6],
      'error', args[7], 'attempts', t.attempts, 'crashes', t.crashes,
      'priority', t.priority, 'submitted', t.submitted, 'body', t.body)
  end
  local key = k.task .. id
  redis.call('HSET', key, 'state', 'done', 'result', args[2])
  redis.call('HDEL', key, 'body', 'stream', 'entry')
  redis.call('PEXPIRE', key, args[3])
  -- Ids count 1, 2, 3, so that a reader sees a gap from the ids alone.
  local n = id_ms(last_id(k.results)) + 1
  redis.call('XADD', k.results, 'MAXLEN', '~', args[5], n .. '-0',
    't', id, 'r', args[4] == '1' and args[2] or '')
  return {'OK'}
end
redis.register_function('fuseline_tasks_finish_@VERSION@', tasks_finish)

-- tasks_put_back: a running task waits again, if the worker still has it.
-- keys: TaskKeys
-- args: id, token, 'hold' | 'defer' | 'park' | 'queue', then for 'park': ms until it is due, error
-- result: ['OK'], or ['STALE'] if it is another's, or done
-- complexity: O(log(tasks that wait))
local function tasks_put_back(keys, args)
  local k, id, where = task_keys(keys), args[1], args[3]
  local t = task_read(k, id)
  if not t or t.state ~= 'running' or t.token ~= args[2] then return {'STALE'} end
  task_detach(k, t)
  if where == 'hold' then
    task_wait(k, t, k.holding, k.held, 'held')
    task_wake(k)
    return {'OK'}
  elseif where == 'defer' then
    task_wait(k, t, k.deferring, k.deferred, 'deferred')
    return {'OK'}
  elseif where == 'queue' then
    task_enqueue(k, id, t.priority)
  else
    redis.call('HSET', k.task .. id, 'state', 'parked', 'error', args[5])
    redis.call('HINCRBY', k.task .. id, 'attempts', 1)
    redis.call('ZADD', k.parked, now_ms() + tonumber(args[4]), id)
    if redis.call('ZRANGE', k.parked, 0, 0)[1] == id then task_wake(k) end
  end
  task_watch(k, id, t.deadline)
  return {'OK'}
end
redis.register_function('fuseline_tasks_put_back_@VERSION@', tasks_put_back)

-- tasks_renew: the leases of running tasks begin anew.
-- keys: TaskKeys
-- args: consumer, then for each task: id, token
-- result: [index of each task that is no longer this worker's...]
-- complexity: O(tasks)
local function tasks_renew(keys, args)
  local k, lost = task_keys(keys), {}
  for i = 2, #args, 2 do
    local v = redis.call('HMGET', k.task .. args[i], 'state', 'token', 'stream', 'entry')
    if v[1] == 'running' and v[2] == args[i + 1] then
      redis.call('XCLAIM', k.streams[tonumber(v[3])], TASK_GROUP, args[1], 0, v[4], 'JUSTID')
    else
      lost[#lost + 1] = i / 2
    end
  end
  return lost
end
redis.register_function('fuseline_tasks_renew_@VERSION@', tasks_renew)
