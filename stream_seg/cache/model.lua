-- Sets the model snapshot KEYS[1] to the JSON text ARGV[1] unless the one held is newer; returns 1 if it was set.
--
-- Newer: a higher version that was not created earlier. After a loss of the models' topic versions begin at 1
-- again; such a snapshot has a lower version but a later creation, and must win.

local new = cjson.decode(ARGV[1])
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' then
  local readable, model = pcall(cjson.decode, held)
  if readable and type(model) == 'table'
    and (tonumber(model.version) or 0) > new.version
    and tostring(model.created_at) >= new.created_at then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
