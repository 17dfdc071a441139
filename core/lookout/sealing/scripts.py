"""The keyring's Lua: each script is one step that happens whole or not at all.

Key names: ``lk:k:<block>:<counter>`` a data key, ``lk:b:<block>`` a block's bookkeeping, ``lk:blocks`` the known blocks,
``lk:outbox`` receipts not yet taken by the keeper, ``lk:taken`` the ordinal of the oldest of them. Scripts name keys
that are not in KEYS, so the keyring is one server, not a cluster: keys live in one place.

A server whose memory is full refuses a script at its first write that could need more, and lets one that has written
finish. So scripts that free something begin with a write that needs none (DEL, HDEL, LTRIM): a full keyring still
destroys, closes and is drained. Those that make something begin with one that does, and happen not at all.
"""

KEY = "lk:k:"
BLOCK = "lk:b:"
BLOCKS = "lk:blocks"
OUTBOX = "lk:outbox"
TAKEN = "lk:taken"

SEPARATOR = "\x1f"

# Ordinals in the outbox begin at the server's time in microseconds: those of an earlier life of the keyring are all
# smaller, so a keeper that read before a restart cannot drop what came after it.
OPEN = """
local count = redis.call('HGET', KEYS[1], 'count')
if count then return redis.call('HEXISTS', KEYS[1], 'open') end
local now = redis.call('TIME')
redis.call('SET', KEYS[3], now[1] .. string.rep('0', 6 - #now[2]) .. now[2], 'NX')
redis.call('HSET', KEYS[1], 'deployment', ARGV[1], 'service', ARGV[2], 'count', ARGV[3],
           'made', 0, 'open', 1, 'touched', now[1])
redis.call('SADD', KEYS[2], ARGV[4])
return 1
"""

MAKE = """
local state = redis.call('HMGET', KEYS[1], 'count', 'made', 'open')
if not state[3] then return {-1, 0} end
local made = tonumber(state[2])
local number = math.min(#ARGV - 2, tonumber(state[1]) - made)
if number > 0 then
  redis.call('HSET', KEYS[1], 'made', made + number, 'touched', redis.call('TIME')[1])
end
for i = 1, number do
  redis.call('SET', ARGV[1] .. (made + i - 1), ARGV[2 + i], 'PX', ARGV[2])
end
return {made, number}
"""

EXTEND = """
local kept = {}
for i, key in ipairs(KEYS) do kept[i] = redis.call('PEXPIRE', key, ARGV[1]) end
return kept
"""

DESTROY = """
local receipts = {}
for i = 2, #KEYS do
  if redis.call('DEL', KEYS[i]) == 1 then receipts[#receipts + 1] = ARGV[i - 1] end
end
if #receipts > 0 then redis.call('RPUSH', KEYS[1], unpack(receipts)) end
return #receipts
"""

# ARGV is the unused receipt before and after its range; the block's own deployment ends it.
CLOSE = """
if redis.call('HDEL', KEYS[1], 'open') == 0 then return 0 end
local state = redis.call('HMGET', KEYS[1], 'count', 'made', 'deployment')
local left = tonumber(state[1]) - tonumber(state[2])
if left > 0 then
  redis.call('RPUSH', KEYS[2],
             ARGV[1] .. '\\031' .. state[2] .. '\\031' .. left .. '\\031' .. ARGV[2] .. '\\031' .. state[3])
end
return left
"""

BLOCK_STATES = """
local states = {redis.call('TIME')[1]}
for _, block in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local state = redis.call('HMGET', ARGV[1] .. block,
                           'deployment', 'service', 'count', 'made', 'open', 'touched')
  if state[1] then
    states[#states + 1] = {block, state[1], state[2], state[3], state[4], state[5] or '0', state[6]}
  end
end
return states
"""

ALIVE = """
local alive = {}
for i, key in ipairs(KEYS) do alive[i] = redis.call('EXISTS', key) end
return alive
"""

REMAINING = """
local left = {}
for i, key in ipairs(KEYS) do left[i] = redis.call('PTTL', key) end
return left
"""

# Before the first block is opened there are no receipts, and no ordinal to begin with.
PENDING = """
return {redis.call('GET', KEYS[2]) or '0', redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1)}
"""

DROP = """
local taken = redis.call('GET', KEYS[2])
if not taken then return 0 end
local number = tonumber(ARGV[1]) - tonumber(taken) + 1
if number <= 0 or number > redis.call('LLEN', KEYS[1]) then return 0 end
redis.call('LTRIM', KEYS[1], number, -1)
redis.call('INCRBY', KEYS[2], number)
return number
"""

# A buried block counts nothing and is not open, so it can neither be opened nor used. Nobody lists it, and it is
# remembered as long as a stalled service could try.
BURY = """
if redis.call('HEXISTS', KEYS[1], 'made') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'count', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""

FORGET = """
redis.call('DEL', KEYS[1])
return redis.call('SREM', KEYS[2], ARGV[1])
"""
