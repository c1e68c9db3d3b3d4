-- Writes the sizes and marks of partitions, and returns for each whether its mark is now the new one.
--
-- KEYS: the set of partitions, then a stats hash and a mark hash for each partition. ARGV[1]: JSON array of
-- {partition, epoch, group, after, sizes}, with numbers as text. A mark advances only from the group `after`, or from
-- itself, so that a repeated call returns the same as the first. With an empty `after` it advances from any group.

local advanced = {}
for i, new in ipairs(cjson.decode(ARGV[1])) do
  local stats, mark = KEYS[2 * i], KEYS[2 * i + 1]
  local stored = redis.pcall('HMGET', mark, 'epoch', 'group')
  if stored.err then
    -- A foreign value of another type must not block all other partitions.
    redis.call('DEL', mark)
    stored = {}
  end
  local stored_epoch, stored_group = tonumber(stored[1]) or -1, tonumber(stored[2]) or -1
  local epoch, group, after = tonumber(new.epoch), tonumber(new.group), tonumber(new.after)
  local same_epoch = stored_epoch == epoch
  advanced[i] = 0
  if stored_epoch < epoch or (same_epoch and stored_group <= group) then
    redis.call('DEL', stats)
    for segment, customers in pairs(new.sizes) do
      redis.call('HSET', stats, segment, customers)
    end
    if type(redis.pcall('SADD', KEYS[1], new.partition)) == 'table' then
      redis.call('DEL', KEYS[1])
      redis.call('SADD', KEYS[1], new.partition)
    end
    if not after or (same_epoch and (stored_group == after or stored_group == group)) then
      redis.call('HSET', mark, 'epoch', new.epoch, 'group', new.group)
      advanced[i] = 1
    end
  end
end
return advanced
