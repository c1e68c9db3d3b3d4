-- Sets the model snapshot KEYS[1] to the JSON text ARGV[1] unless the stored one is newer. Returns 1 if it was set.
--
-- A newer snapshot has a higher version and was not created earlier. After the models topic was lost, versions start
-- at 1 again. A snapshot from then has a lower version but a later creation time, and must win.

local new = cjson.decode(ARGV[1])
local stored = redis.pcall('GET', KEYS[1])
if type(stored) == 'string' then
  local readable, model = pcall(cjson.decode, stored)
  if readable and type(model) == 'table'
    and (tonumber(model.version) or 0) > new.version
    and tostring(model.created_at) >= new.created_at then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
