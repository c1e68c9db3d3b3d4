-- Writes the sizes and marks of partitions, and returns for each whether its mark is now the given one.
--
-- KEYS: the set of partitions, then a stats hash and a mark hash for each partition. ARGV[1]: JSON array of
-- {partition, epoch, group, after, sizes}, numbers as text. A mark moves on only from the group `after` (or any,
-- where it is empty) or from itself, so that a repeated call answers as the first.

local moved = {}
for i, new in ipairs(cjson.decode(ARGV[1])) do
  local stats, mark = KEYS[2 * i], KEYS[2 * i + 1]
  local held = redis.pcall('HMGET', mark, 'epoch', 'group')
  if held.err then
    -- A foreign value of another type must not hold up all other partitions for ever.
    redis.call('DEL', mark)
    held = {}
  end
  local held_epoch, held_group = tonumber(held[1]) or -1, tonumber(held[2]) or -1
  local epoch, group, after = tonumber(new.epoch), tonumber(new.group), tonumber(new.after)
  local same_epoch = held_epoch == epoch
  moved[i] = 0
  if held_epoch < epoch or (same_epoch and held_group <= group) then
    redis.call('DEL', stats)
    for segment, customers in pairs(new.sizes) do
      redis.call('HSET', stats, segment, customers)
    end
    if type(redis.pcall('SADD', KEYS[1], new.partition)) == 'table' then
      redis.call('DEL', KEYS[1])
      redis.call('SADD', KEYS[1], new.partition)
    end
    if not after or (same_epoch and (held_group == after or held_group == group)) then
      redis.call('HSET', mark, 'epoch', new.epoch, 'group', new.group)
      moved[i] = 1
    end
  end
end
return moved
