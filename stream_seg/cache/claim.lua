-- Claims the prefix unless it has an owner, and reads marks. Returns the owner, then {epoch, group} of each mark.
--
-- KEYS: the owner key, then the mark hashes. ARGV[1]: the application. A foreign value of another type counts as a
-- missing mark, or as an owner with an empty name.

redis.call('SET', KEYS[1], ARGV[1], 'NX')
local owner = redis.pcall('GET', KEYS[1])
local found = {type(owner) == 'string' and owner or ''}
for i = 2, #KEYS do
  local mark = redis.pcall('HMGET', KEYS[i], 'epoch', 'group')
  found[i] = mark.err and {} or mark
end
return found
