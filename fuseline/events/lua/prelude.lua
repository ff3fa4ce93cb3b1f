-- Shared by the functions below. Every function is O(batch): one that loops with writes
-- cannot be killed.

-- Redis's clock in ms. Frozen while a function runs, and the same that XADD '*' uses.
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function id_ms(id)
  return tonumber(string.match(id, '^(%d+)'))
end

-- Whether stream id a comes after b.
local function id_after(a, b)
  local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  if a_ms ~= b_ms then return a_ms > b_ms end
  return tonumber(a_seq) > tonumber(b_seq)
end

-- Id of the last entry of a stream, or '0-0'.
local function last_id(stream)
  local entries = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  return entries[1] and entries[1][1] or '0-0'
end

-- Tells the projector that agents have new events. Names are a hint for the common case of few;
-- the dirty set is what counts, and commit keeps it.
-- carried: for each named agent the id its log ended at before, 'p' id, then 'i' id 'e' event for
-- each new event; with it the projector need not read the log. nil: it must.
local function wake(wake_key, names, carried)
  redis.pcall('XADD', wake_key, 'MAXLEN', '~', 1000, '*', 'a', names, unpack(carried or {}))
end

-- Appends an event that must not be overtaken by a probe: acquire_probe refuses until it is folded.
local function append_control(events, circuit, dirty, wake_key, agent, blob)
  local id = redis.call('XADD', events, '*', 'e', blob)
  redis.call('HSET', circuit, 'control', id)
  redis.call('SADD', dirty, agent)
  wake(wake_key, agent)
  return id
end

-- Whether the shard's lease ("token owner") is held under this fencing token.
local function holds(lease, token)
  local value = redis.call('GET', lease)
  return value and string.match(value, '^(%d+) ') == token
end
