-- Shared by the functions of tasks, and submitting. A task is one hash; what else holds its id says
-- where it is: 'queued' in a queue, 'running' in the pending list of a consumer, 'held' until its
-- agent has room, 'deferred' until its agent's circuit admits calls, 'parked' until a time, 'done'.
-- Keys made here (of a task, of what an agent holds) lie in the slot of the declared ones.
local TASK_GROUP = 'workers'
local TASK_HANDED = 4

-- Keys of all these functions, see TaskKeys.
local function task_keys(keys)
  return {
    streams = {keys[1], keys[2], keys[3], keys[4]}, results = keys[5], parked = keys[6],
    deadlines = keys[7], holding = keys[8], deferring = keys[9], running = keys[10],
    dead = keys[11], wake = keys[12], task = keys[13], held = keys[14], deferred = keys[15]}
end

local function task_read(k, id)
  local v = redis.call('HMGET', k.task .. id, 'state', 'agent', 'priority', 'stream', 'entry',
    'token', 'attempts', 'crashes', 'submitted', 'deadline', 'error', 'body')
  if not v[1] then return false end
  return {
    id = id, state = v[1], agent = v[2], priority = tonumber(v[3]), stream = tonumber(v[4]),
    entry = v[5], token = v[6], attempts = v[7], crashes = v[8], submitted = v[9],
    deadline = tonumber(v[10]), error = v[11], body = v[12] or ''}
end

-- Wakes idle workers, for what is no entry of a queue.
local function task_wake(k)
  redis.call('XADD', k.wake, 'MAXLEN', '~', 100, '*', 'w', '1')
end

local function task_enqueue(k, id, priority)
  local entry = redis.call('XADD', k.streams[priority], '*', 't', id)
  redis.call('HSET', k.task .. id, 'state', 'queued', 'stream', priority, 'entry', entry)
end

-- Waiting tasks expire on time; a running one is cut off by its worker.
local function task_watch(k, id, deadline)
  if deadline > 0 then redis.call('ZADD', k.deadlines, deadline, id) end
end

local function task_leave(k, sets, prefix, t)
  redis.call('ZREM', prefix .. t.agent, t.id)
  if redis.call('EXISTS', prefix .. t.agent) == 0 then redis.call('SREM', sets, t.agent) end
end

-- Takes a task out of wherever it is.
local function task_detach(k, t)
  if t.state == 'running' or t.state == 'queued' then
    redis.call('XACK', k.streams[t.stream], TASK_GROUP, t.entry)
    redis.call('XDEL', k.streams[t.stream], t.entry)
    if t.state == 'running' and redis.call('HINCRBY', k.running, t.agent, -1) <= 0 then
      redis.call('HDEL', k.running, t.agent)
    end
  elseif t.state == 'held' then
    task_leave(k, k.holding, k.held, t)
  elseif t.state == 'deferred' then
    task_leave(k, k.deferring, k.deferred, t)
  elseif t.state == 'parked' then
    redis.call('ZREM', k.parked, t.id)
  end
  redis.call('ZREM', k.deadlines, t.id)
end

-- Puts a task among those that wait for their agent, by priority and then by age.
local function task_wait(k, t, sets, prefix, state)
  local score = string.format('%.0f', (t.priority - 1) * 1e13 + tonumber(t.submitted))
  redis.call('ZADD', prefix .. t.agent, score, t.id)
  redis.call('SADD', sets, t.agent)
  redis.call('HSET', k.task .. t.id, 'state', state)
  task_watch(k, t.id, t.deadline)
end

-- What a worker is told of a task.
local function task_told(t)
  return {t.id, t.agent, t.stream, t.entry, t.token, t.priority, t.attempts, t.crashes,
    t.submitted, t.deadline, t.error, t.body}
end

-- tasks_submit: a new task into its queue; one whose id is known stays as it is.
-- keys: TaskKeys
-- args: id, agent, priority (1 to 3), ms until its deadline ('0': none), body
-- result: ['OK', now ms] or ['EXISTS', agent, state]
-- complexity: O(1)
local function tasks_submit(keys, args)
  local k, id = task_keys(keys), args[1]
  local known = redis.call('HMGET', k.task .. id, 'agent', 'state')
  if known[1] then return {'EXISTS', known[1], known[2]} end
  local now = now_ms()
  local deadline = tonumber(args[4])
  if deadline > 0 then deadline = now + deadline end
  redis.call('HSET', k.task .. id, 'agent', args[2], 'priority', args[3], 'body', args[5],
    'token', 0, 'attempts', 0, 'crashes', 0, 'submitted', now, 'deadline', deadline, 'error', '')
  task_enqueue(k, id, tonumber(args[3]))
  task_watch(k, id, deadline)
  return {'OK', now}
end
redis.register_function('fuseline_tasks_submit_@VERSION@', tasks_submit)
