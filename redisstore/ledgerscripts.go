package redisstore

import "github.com/redis/go-redis/v9"

// A ledger has four kinds of keys in Redis, all in one hash slot. None of them expires, so
// that Redis evicts them only under a policy that evicts all keys.
//
//	epoch     hash  of the memory: run, the run of the server, and since, when it began
//	key:KEY   hash  d the entry, x its scope and id, h the holder, u when the lease ends,
//	                n the number of the newest record of the lease
//	ids       hash  the key that has a scope and id
//	settled   zset  keys whose entries may be purged, by when they were stored
//
// Times are milliseconds of the server's clock.
const clockLua = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function ms(t) return string.format('%.0f', t) end
`

// serverLua reads what the server says of itself, if the client may see it.
const serverLua = `
local function info(section, name)
	local text = redis.pcall('INFO', section)
	return type(text) == 'string' and string.match(text, name .. ':([^\r\n]+)') or ''
end
local run = info('server', 'run_id')
local policy = info('memory', 'maxmemory_policy')
if string.sub(policy, 1, 7) == 'allkeys' and info('memory', 'maxmemory') ~= '0' then
	return {'evicts', policy}
end
`

// initializeScript opens the ledger. KEYS: epoch.
var initializeScript = redis.NewScript(serverLua + `
redis.call('HSET', KEYS[1], 'run', run, 'since', '0')
return {'ok'}
`)

// acquireScript makes a holder that of a key. A server that has no epoch, or runs since
// another time than the epoch, may have lost what it had in memory: then an epoch begins now.
//
// KEYS: epoch, key. ARGV: holder, milliseconds that the lease lasts, milliseconds after the
// beginning of an epoch in which no key is given.
var acquireScript = redis.NewScript(clockLua + serverLua + `
local epoch = redis.call('HMGET', KEYS[1], 'run', 'since')
local since = tonumber(epoch[2])
if not since or (run ~= '' and epoch[1] ~= '' and epoch[1] ~= run) then
	since = now
	redis.call('HSET', KEYS[1], 'run', run, 'since', ms(now))
end
local closed = since + ARGV[3] - now
if closed > 0 then return {'closed', ms(closed)} end
local lease = redis.call('HMGET', KEYS[2], 'h', 'u', 'd')
local left = lease[1] and lease[1] ~= ARGV[1] and lease[2] - now or 0
if left > 0 then return {'held', ms(left)} end
redis.call('HSET', KEYS[2], 'h', ARGV[1], 'u', ms(now + ARGV[2]), 'n', '0')
return {'ok', lease[3] or ''}
`)

// renewScript returns the holders whose leases last longer now. KEYS: keys. ARGV: milliseconds
// that the leases last, and the holder of each key.
var renewScript = redis.NewScript(clockLua + `
local renewed = {}
for i, key in ipairs(KEYS) do
	local held = redis.call('HGET', key, 'h') == ARGV[i + 1]
	if held then redis.call('HSET', key, 'u', ms(now + ARGV[1])) end
	renewed[#renewed + 1] = held and ARGV[i + 1] or nil
end
return renewed
`)

// recordScript stores a value under a key, or removes what is stored. A record with a lower
// number than the newest one has arrived late.
//
// KEYS: key, ids, settled. ARGV: holder, number, the key as the user knows it, scope and id or
// nothing, "1" if the value may be purged, data or nothing.
var recordScript = redis.NewScript(clockLua + `
local lease = redis.call('HMGET', KEYS[1], 'h', 'n', 'x')
if lease[1] ~= ARGV[1] or tonumber(lease[2]) > tonumber(ARGV[2]) then return {'lost'} end
local key, id, data = ARGV[3], ARGV[4], ARGV[6]
local owner = id ~= '' and redis.call('HGET', KEYS[2], id)
if owner and owner ~= key then return {'taken'} end
redis.call('HSET', KEYS[1], 'n', ARGV[2], 'x', id, 'd', data)
if lease[3] and lease[3] ~= '' and lease[3] ~= id then redis.call('HDEL', KEYS[2], lease[3]) end
if id ~= '' then redis.call('HSET', KEYS[2], id, key) end
if ARGV[5] == '1' then
	redis.call('ZADD', KEYS[3], ms(now), key)
else
	redis.call('ZREM', KEYS[3], key)
end
return {'ok'}
`)

// releaseScript ends a lease, unless it is not the holder's. KEYS: key. ARGV: holder.
var releaseScript = redis.NewScript(`
local lease = redis.call('HMGET', KEYS[1], 'h', 'd')
if lease[1] ~= ARGV[1] then return {'ok'} end
if lease[2] and lease[2] ~= '' then
	redis.call('HDEL', KEYS[1], 'h', 'u', 'n')
else
	redis.call('DEL', KEYS[1])
end
return {'ok'}
`)

// purgeScript removes the entries of keys unless they are held, or were stored later, and
// returns how many it has removed. KEYS: ids, settled, keys. ARGV: the time before which they
// were stored, and the keys as the user knows them.
var purgeScript = redis.NewScript(clockLua + `
local purged = 0
for i = 3, #KEYS do
	local key = ARGV[i - 1]
	local lease = redis.call('HMGET', KEYS[i], 'h', 'u', 'x')
	local stored = redis.call('ZSCORE', KEYS[2], key)
	local held = lease[1] and tonumber(lease[2]) > now
	local due = not held and stored and tonumber(stored) < tonumber(ARGV[1])
	if due then
		if lease[3] and lease[3] ~= '' then redis.call('HDEL', KEYS[1], lease[3]) end
		redis.call('ZREM', KEYS[2], key)
		redis.call('DEL', KEYS[i])
	end
	purged = purged + (due and 1 or 0)
end
return purged
`)
