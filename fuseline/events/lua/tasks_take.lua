-- tasks_take: tasks for the free slots of a worker, the most urgent first.
-- keys: TaskKeys
-- args: consumer, free slots, idle ms after which a dead worker's tasks are claimed ('0': not now),
--       room of an agent that is not named, room for its deferred tasks,
--       then for each agent that is named: name, room, room for its deferred tasks
-- result: ['OK', now ms, ms of the next parked task or deadline ('0': none), agents that hold or
--          defer tasks, last ids of the three queues and of wake, task...]
--         Tasks past their deadline come in addition, whatever the room.
-- complexity: O(slots + 100) and what is pending, when it claims
-- Tasks of agents without room are put aside here, so that they take no slot and wait in no
-- worker's memory.
local TASK_LIMIT = 100

local function task_begin(k, found, t, stream, entry)
  local key = k.task .. t.id
  if t.state ~= 'running' then redis.call('HINCRBY', k.running, t.agent, 1) end
  redis.call('ZREM', k.deadlines, t.id)
  t.state, t.stream, t.entry = 'running', stream, entry
  t.token = redis.call('HINCRBY', key, 'token', 1)
  redis.call('HSET', key, 'state', 'running', 'stream', stream, 'entry', entry)
  found[#found + 1] = task_told(t)
end

-- Gives a task that is in no queue to a consumer: through a stream that nobody reads from.
local function task_hand(k, found, t, consumer)
  local stream = k.streams[TASK_HANDED]
  task_detach(k, t)
  local entry = redis.call('XADD', stream, '*', 't', t.id)
  redis.call('XCLAIM', stream, TASK_GROUP, consumer, 0, entry, 'FORCE', 'JUSTID')
  task_begin(k, found, t, TASK_HANDED, entry)
end

-- The task of an entry, if the entry is where that task is; else the entry is removed.
local function task_of_entry(k, stream, entry, state)
  local t = entry[2] and task_read(k, entry[2][2])
  if t and t.state == state and t.entry == entry[1] and t.stream == stream then return t end
  redis.call('XACK', k.streams[stream], TASK_GROUP, entry[1])
  redis.call('XDEL', k.streams[stream], entry[1])
  return false
end

local function task_groups(k)
  local known = redis.pcall('XPENDING', k.streams[TASK_HANDED], TASK_GROUP)
  if not known.err then return end
  for i = 1, 4 do
    redis.pcall('XGROUP', 'CREATE', k.streams[i], TASK_GROUP, '0', 'MKSTREAM')
  end
end

local function task_due(k, found, now, consumer)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', k.deadlines, '-inf', now,
      'LIMIT', 0, TASK_LIMIT)) do
    local t = task_read(k, id)
    if t and t.state ~= 'done' and t.state ~= 'running' then
      task_hand(k, found, t, consumer)
    else
      redis.call('ZREM', k.deadlines, id)
    end
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', k.parked, '-inf', now,
      'LIMIT', 0, TASK_LIMIT)) do
    redis.call('ZREM', k.parked, id)
    local t = task_read(k, id)
    if t and t.state == 'parked' then task_enqueue(k, id, t.priority) end
  end
end

local function task_claim(k, found, want, idle, consumer)
  for stream = 1, 4 do
    if #found >= want then return end
    local pending = redis.call('XPENDING', k.streams[stream], TASK_GROUP,
      'IDLE', idle, '-', '+', want - #found)
    for _, p in ipairs(pending) do
      if p[2] ~= consumer then
        local got = redis.call('XCLAIM', k.streams[stream], TASK_GROUP, consumer, idle, p[1])
        local t = got[1] and task_of_entry(k, stream, got[1], 'running')
        if t then
          t.crashes = redis.call('HINCRBY', k.task .. t.id, 'crashes', 1)
          task_begin(k, found, t, stream, p[1])
        end
      end
    end
  end
end

-- Tasks of one priority that wait for their agents, as far as those have room.
local function task_resume(k, found, want, priority, names, prefix, rooms, both, consumer)
  for _, agent in ipairs(names) do
    while #found < want and rooms.of(agent) > 0 and (not both or rooms.deferred(agent) > 0) do
      local first = redis.call('ZRANGE', prefix .. agent, 0, 0, 'WITHSCORES')
      if not first[1] or math.floor(tonumber(first[2]) / 1e13) + 1 > priority then break end
      local t = task_read(k, first[1])
      if t then
        rooms.use(agent)
        task_hand(k, found, t, consumer)
      else
        redis.call('ZREM', prefix .. agent, first[1])
      end
    end
  end
end

local function task_next(k, found, want, priority, rooms, consumer)
  local looked, put_aside = 0, false
  while #found < want and looked < want + TASK_LIMIT do
    local reply = redis.call('XREADGROUP', 'GROUP', TASK_GROUP, consumer,
      'COUNT', want - #found, 'STREAMS', k.streams[priority], '>')
    local entries = reply and reply[1] and reply[1][2] or {}
    if #entries == 0 then break end
    looked = looked + #entries
    for _, entry in ipairs(entries) do
      local t = task_of_entry(k, priority, entry, 'queued')
      if t and rooms.of(t.agent) > 0 then
        rooms.use(t.agent)
        task_begin(k, found, t, priority, entry[1])
      elseif t then
        task_detach(k, t)
        task_wait(k, t, k.holding, k.held, 'held')
        put_aside = true
      end
    end
  end
  return put_aside
end

local function task_rooms(args)
  local room, deferred = {}, {}
  local other, other_deferred = tonumber(args[4]), tonumber(args[5])
  for i = 6, #args, 3 do
    room[args[i]], deferred[args[i]] = tonumber(args[i + 1]), tonumber(args[i + 2])
  end
  return {
    of = function(agent) return room[agent] or other end,
    deferred = function(agent) return deferred[agent] or other_deferred end,
    use = function(agent)
      room[agent] = (room[agent] or other) - 1
      deferred[agent] = (deferred[agent] or other_deferred) - 1
    end}
end

local function tasks_take(keys, args)
  local k, consumer, want, idle = task_keys(keys), args[1], tonumber(args[2]), tonumber(args[3])
  local rooms, found, now, put_aside = task_rooms(args), {}, now_ms(), false
  task_groups(k)
  task_due(k, found, now, consumer)
  want = want + #found
  if idle > 0 then task_claim(k, found, want, idle, consumer) end
  -- Some of them at a time, at random, so that no agent's tasks are always passed over.
  local holding = redis.call('SRANDMEMBER', k.holding, TASK_LIMIT)
  local deferring = redis.call('SRANDMEMBER', k.deferring, TASK_LIMIT)
  for priority = 1, 3 do
    task_resume(k, found, want, priority, holding, k.held, rooms, false, consumer)
    task_resume(k, found, want, priority, deferring, k.deferred, rooms, true, consumer)
    if task_next(k, found, want, priority, rooms, consumer) then put_aside = true end
  end
  -- Another worker may have the room that this one lacks.
  if put_aside then task_wake(k) end

  local soon = 0
  for _, set in ipairs({k.parked, k.deadlines}) do
    local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
    if first[2] and (soon == 0 or tonumber(first[2]) < soon) then soon = tonumber(first[2]) end
  end
  local waiting = redis.call('SCARD', k.holding) + redis.call('SCARD', k.deferring)
  local result = {'OK', now, soon, waiting, last_id(k.streams[1]), last_id(k.streams[2]),
    last_id(k.streams[3]), last_id(k.wake)}
  for _, told in ipairs(found) do result[#result + 1] = told end
  return result
end
redis.register_function('fuseline_tasks_take_@VERSION@', tasks_take)

-- tasks_mine: what is pending for a consumer; for a worker that did not get the answer of a take.
-- keys: TaskKeys
-- args: consumer
-- result: [task...], as tasks_take gives them
-- complexity: O(what is pending for the consumer, at most 1000 a queue)
local function tasks_mine(keys, args)
  local k, found = task_keys(keys), {}
  task_groups(k)
  for stream = 1, 4 do
    for _, p in ipairs(redis.call('XPENDING', k.streams[stream], TASK_GROUP,
        '-', '+', 1000, args[1])) do
      local entry = redis.call('XRANGE', k.streams[stream], p[1], p[1])[1] or {p[1]}
      local t = task_of_entry(k, stream, entry, 'running')
      if t then found[#found + 1] = task_told(t) end
    end
  end
  return found
end
redis.register_function('fuseline_tasks_mine_@VERSION@', tasks_mine)
