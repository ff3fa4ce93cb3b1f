-- The least id of a shard's readers of an agent (or of all: no name), false without one. Those that
-- have run out go.
local function first_reader(readers, agent, now)
  local flat, first = redis.call('HGETALL', readers), false
  for i = 1, #flat, 2 do
    local deadline, id = string.match(flat[i + 1], '^(%d+) (.*)$')
    if not deadline or tonumber(deadline) <= now then
      redis.call('HDEL', readers, flat[i])
    else
      local name = string.match(flat[i], '^([^:]*):')
      if (name == agent or name == '') and (not first or id_after(first, id)) then first = id end
    end
  end
  return first
end

-- What is archived of an agent: last id of its log and of its history; nil if nobody archives.
local function archived(archive, agent)
  if redis.call('HEXISTS', archive, ':on') == 0 then return nil end
  local stored = redis.call('HGET', archive, agent) or ''
  local events, history = string.match(stored, '^(%S+) (%S+)$')
  return events or '0-0', history or '0-0'
end

-- The id after one, for MINID. (Lua counts sequence numbers exactly up to 2^53; Redis begins with 0
-- in every ms.)
local function next_id(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
end

-- Ids of the history that are older than a time, at most 500 and never the newest `keep`.
local function old_history(history, cut_ms, keep)
  local old = redis.call('XRANGE', history, '-', tostring(tonumber(cut_ms) - 1), 'COUNT', 500)
  local most = redis.call('XLEN', history) - tonumber(keep)
  return old[math.min(#old, most)]
end

-- trim: takes the oldest entries off an agent's log, and stores in the same step the circuit and
-- counts that they come to, so that the fold from there over what is kept is the projection.
-- keys: lease, events, circuit, origin, archive, readers, history, counts
-- args: fencing token, agent, id the origin stands at ('' if there is none), last id to take off
--       ('' for none), ms before which the history goes ('0' for nothing), newest entries of it
--       that stay, n, n fields and values of the origin, then units of counts to delete
-- result: ['OK', entries taken off the log, off the history]
--         ['FENCED']: the lease is another's;  ['MOVED']: the origin is another by now
--         ['HELD', why]: 'checkpoint', 'archive' or 'reader' has not passed it; nothing was done
-- complexity: O(entries taken off + readers of the shard)
local function trim(keys, args)
  if not holds(keys[1], args[1]) then return {'FENCED'} end
  local agent, base, last = args[2], args[3], args[4]
  if (redis.call('HGET', keys[4], 'at') or '') ~= base then return {'MOVED'} end
  local done, done_history = 0, 0
  local events_to, history_to = archived(keys[5], agent)
  if last ~= '' then
    local checkpoint = redis.call('HGET', keys[3], 'checkpoint')
    -- The entry at the checkpoint itself stays: by it a projector knows that nothing was lost.
    if not checkpoint or not id_after(checkpoint, last) then return {'HELD', 'checkpoint'} end
    if events_to and id_after(last, events_to) then return {'HELD', 'archive'} end
    local reader = first_reader(keys[6], agent, now_ms())
    if reader and id_after(last, reader) then return {'HELD', 'reader'} end
  end
  local n = tonumber(args[7])
  if n > 0 then redis.call('HSET', keys[4], unpack(args, 8, 7 + n)) end
  if last ~= '' then
    done = redis.call('XTRIM', keys[2], 'MINID', '=', next_id(last))
    redis.call('HINCRBY', keys[4], 'trimmed', done)
  end
  if args[5] ~= '0' then
    local old = old_history(keys[7], args[5], args[6])
    if old and not (history_to and id_after(old[1], history_to)) then
      done_history = redis.call('XTRIM', keys[7], 'MINID', '=', next_id(old[1]))
      redis.call('HSET', keys[4], 'history', id_ms(old[1]) + 1)
    end
  end
  if args[8 + n] then redis.call('HDEL', keys[8], unpack(args, 8 + n)) end
  return {'OK', done, done_history}
end
redis.register_function('fuseline_trim_@VERSION@', trim)

-- accept: declares where a log begins that has lost its start; the word of an operator.
-- keys: lease, origin
-- args: fencing token, fields and values of the origin
-- result: 'OK' or 'FENCED'
-- complexity: O(1)
local function accept(keys, args)
  if not holds(keys[1], args[1]) then return 'FENCED' end
  redis.call('HSET', keys[2], unpack(args, 2))
  return 'OK'
end
redis.register_function('fuseline_accept_@VERSION@', accept)

-- forget: producers that have appended nothing for long.
-- keys: lease, producers
-- args: fencing token, ms of the last append before which one is forgotten, producers
-- result: ['OK', number forgotten] or ['FENCED']
-- complexity: O(producers)
local function forget(keys, args)
  if not holds(keys[1], args[1]) then return {'FENCED'} end
  local count = 0
  for i = 3, #args do
    local stored = redis.call('HGET', keys[2], args[i])
    local at = stored and string.match(stored, '^%d+ %d+ (%d+) ')
    if at and tonumber(at) < tonumber(args[2]) then
      count = count + redis.call('HDEL', keys[2], args[i])
    end
  end
  return {'OK', count}
end
redis.register_function('fuseline_forget_@VERSION@', forget)

-- reader: a reader of an agent's log says from where on it still needs it.
-- keys: readers
-- args: agent:reader (:reader for all of the shard), id ('' gives the lease back), ms it lasts
-- result: 'OK'
-- complexity: O(1)
local function reader(keys, args)
  if args[2] == '' then
    redis.call('HDEL', keys[1], args[1])
  else
    redis.call('HSET', keys[1], args[1], string.format('%.0f %s', now_ms() + args[3], args[2]))
  end
  return 'OK'
end
redis.register_function('fuseline_reader_@VERSION@', reader)

-- archived: how far an agent is archived, and with that, that somebody archives.
-- keys: archive
-- args: agent, position it stands at ('' for none), new one: ids of the log and of the history
-- result: ['OK'] or ['MOVED', position]
-- complexity: O(1)
local function archived_to(keys, args)
  redis.call('HSETNX', keys[1], ':on', '1')
  local stored = redis.call('HGET', keys[1], args[1]) or ''
  if stored ~= args[2] then return {'MOVED', stored} end
  if args[3] ~= '' then redis.call('HSET', keys[1], args[1], args[3]) end
  return {'OK'}
end
redis.register_function('fuseline_archived_@VERSION@', archived_to)
