-- tasks_tidy: forgets a consumer that has ended, and those not heard of for long.
-- keys: TaskKeys
-- args: consumer ('' if none has ended), ms of silence
-- result: number of consumers forgotten; one that has tasks pending never is
-- complexity: O(consumers)
local function tasks_tidy(keys, args)
  local k, count = task_keys(keys), 0
  for stream = 1, 4 do
    local consumers = redis.pcall('XINFO', 'CONSUMERS', k.streams[stream], TASK_GROUP)
    if not consumers.err then
      for _, flat in ipairs(consumers) do
        local c = {}
        for i = 1, #flat, 2 do c[flat[i]] = flat[i + 1] end
        if c.pending == 0 and (c.name == args[1] or c.idle > tonumber(args[2])) then
          redis.call('XGROUP', 'DELCONSUMER', k.streams[stream], TASK_GROUP, c.name)
          count = count + 1
        end
      end
    end
  end
  return count
end
redis.register_function('fuseline_tasks_tidy_@VERSION@', tasks_tidy)

-- tasks_revive: a dead letter becomes a task again, under its old id and without its deadline.
-- keys: TaskKeys
-- args: id of the entry in the stream of dead letters
-- result: ['OK', task id], or ['UNKNOWN']
-- complexity: O(1)
local function tasks_revive(keys, args)
  local k = task_keys(keys)
  local entry = redis.call('XRANGE', k.dead, args[1], args[1])[1]
  if not entry then return {'UNKNOWN'} end
  local v = {}
  for i = 1, #entry[2], 2 do v[entry[2][i]] = entry[2][i + 1] end
  local key = k.task .. v.task
  redis.call('XDEL', k.dead, args[1])
  local state = redis.call('HGET', key, 'state')
  if state and state ~= 'done' then return {'OK', v.task} end
  redis.call('PERSIST', key)
  redis.call('HDEL', key, 'result')
  redis.call('HSET', key, 'agent', v.agent, 'priority', v.priority, 'body', v.body,
    'attempts', 0, 'crashes', 0, 'submitted', v.submitted, 'deadline', 0, 'error', v.error)
  redis.call('HINCRBY', key, 'token', 1)
  task_enqueue(k, v.task, tonumber(v.priority))
  return {'OK', v.task}
end
redis.register_function('fuseline_tasks_revive_@VERSION@', tasks_revive)
