-- Writes customers' documents unless the stored ones are newer, and returns the number of documents written.
--
-- KEYS: the documents' hashes. ARGV[1]: JSON array of their fields, in the order of KEYS. All fields are text, because
-- Lua would round numbers to 14 digits. Comparing as numbers is exact up to 2^53.

local call, tonumber, unpack = redis.call, tonumber, unpack

local function newer(stored, new)
  local stored_epoch, stored_sequence = tonumber(stored[1]) or -1, tonumber(stored[2]) or -1
  local epoch, sequence = tonumber(new.epoch), tonumber(new.sequence)
  if stored_epoch ~= epoch then return stored_epoch > epoch end
  if stored_sequence ~= sequence then return stored_sequence > sequence end
  return (stored[3] or '') > new.as_of
end

local written = 0
for i, new in ipairs(cjson.decode(ARGV[1])) do
  local key = KEYS[i]
  local stored = redis.pcall('HMGET', key, 'epoch', 'sequence', 'as_of')
  if stored.err then
    -- A foreign value of another type must not block all other documents.
    call('DEL', key)
    stored = {}
  end
  if not newer(stored, new) then
    local flat, size = {}, 0
    for field, value in pairs(new) do
      flat[size + 1], flat[size + 2] = field, value
      size = size + 2
    end
    call('HSET', key, unpack(flat))
    if call('HLEN', key) * 2 > size then
      -- Rare: the customer has left a dimension, whose fields must be removed.
      call('DEL', key)
      call('HSET', key, unpack(flat))
    end
    written = written + 1
  end
end
return written
