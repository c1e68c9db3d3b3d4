-- Writes customers' documents unless the ones held are newer, and returns how many were written.
--
-- KEYS: the documents' hashes. ARGV[1]: JSON array of their fields, in the order of KEYS. All fields are text: a
-- number of Lua would come back rounded to 14 digits. Comparing as numbers is exact up to 2^53.

local call, tonumber, unpack = redis.call, tonumber, unpack

local function newer(held, new)
  local held_epoch, held_sequence = tonumber(held[1]) or -1, tonumber(held[2]) or -1
  local epoch, sequence = tonumber(new.epoch), tonumber(new.sequence)
  if held_epoch ~= epoch then return held_epoch > epoch end
  if held_sequence ~= sequence then return held_sequence > sequence end
  return (held[3] or '') > new.as_of
end

local written = 0
for i, new in ipairs(cjson.decode(ARGV[1])) do
  local key = KEYS[i]
  local held = redis.pcall('HMGET', key, 'epoch', 'sequence', 'as_of')
  if held.err then
    -- A foreign value of another type must not hold up all other documents for ever.
    call('DEL', key)
    held = {}
  end
  if not newer(held, new) then
    local flat, size = {}, 0
    for field, value in pairs(new) do
      flat[size + 1], flat[size + 2] = field, value
      size = size + 2
    end
    call('HSET', key, unpack(flat))
    if call('HLEN', key) * 2 > size then
      -- Rare: the customer has left a dimension, whose fields must go.
      call('DEL', key)
      call('HSET', key, unpack(flat))
    end
    written = written + 1
  end
end
return written
