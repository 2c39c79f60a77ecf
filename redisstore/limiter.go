package redisstore

import (
	"cmp"
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/fleet"
)

// LimiterOptions are the settings of a shared limiter. All processes must use the same ones.
type LimiterOptions struct {
	// Name is what the processes share a budget under. Use one for each API key. Default
	// "default".
	Name string
	// PerSecond is how many requests all processes together may send in a second, from 0.001
	// to 10,000. 2% of it are kept back.
	PerSecond float64
	// Burst is how many requests may be sent at once after a quiet time. Default 1.
	Burst int
	// Alone is the share of PerSecond that each process may use while Redis does not respond,
	// from 0 to 1. Choose less than 1 divided by the number of processes. Default 0: Wait
	// returns an error then.
	Alone float64
}

// Limiter returns a limiter for [growthgenius.WithLimiter]. The processes that use one Redis,
// prefix and name send no more than PerSecond, and Burst once, in any second, and take turns.
// A Retry-After of up to a minute that one of them receives, with status 429 or 503, pauses
// all. Redis is called about once per request.
//
// If Redis loses its memory, the limiter continues without a burst. If it does not respond,
// Wait returns an error within the timeout of [Options], or goes on as LimiterOptions.Alone
// says.
func (s *Store) Limiter(o LimiterOptions) growthgenius.Limiter {
	return fleet.New(limiterState{s, s.prefix + "limiter:" + cmp.Or(o.Name, "default")}, fleet.Options{
		PerSecond: o.PerSecond, Burst: o.Burst, Alone: o.Alone,
	})
}

// limiterState is the state of a limiter, in a hash. It implements [fleet.Store].
type limiterState struct {
	store *Store
	key   string
}

// turnScript is [fleet.State.Turn], by the clock of Redis.
var turnScript = redis.NewScript(fmt.Sprintf(turnLua, fleet.Ahead, fleet.Late, fleet.Skew))

const turnLua = `
local AHEAD, LATE, SKEW = %d, %d, %d
local q = {}
for i = 1, #ARGV do q[i] = tonumber(ARGV[i]) end
local epoch, at, n, want, batch, gap, burst, pause, known = unpack(q)
local strict = gap - math.floor(gap / 100)

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local s = {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], 'epoch', 'now', 'next', 'full', 'paused')) do
	s[i] = tonumber(value or 0)
end
local current, last, free, full, paused = unpack(s)
if current == 0 or now < last - SKEW then
	free = now + 2 * AHEAD + gap
	current, last, full, paused = now, 0, free + (burst - 1) * strict, 0
end
now = math.max(now, last)
if free + LATE < now then current = now end
full = math.max(full, math.min(known, now + 2 * AHEAD + burst * gap))
if pause > 0 then paused = math.max(paused, now + pause) end

local granted, first = 0, 0
local function confirm()
	local from = math.max(now, at, full - (burst - 1) * strict)
	if from > now + AHEAD then
		at = from
		return
	end
	full = math.max(full + n * strict, from + (n - 1) * gap + strict)
	granted, first, epoch, at, n = n, from, 0, 0, 0
end
if epoch ~= current or at + LATE < now or at < paused and now < paused then
	epoch, at, n = 0, 0, 0
else
	confirm()
end
want = want - granted
if want > 0 and n == 0 then
	n = math.max(1, math.min(want, batch, 1 + math.floor(AHEAD / gap)))
	local from = math.max(free, paused, now - (burst - 1) * gap)
	free = from + n * gap
	epoch, at = current, math.max(from, now)
end
if granted == 0 and n > 0 then confirm() end

local function text(number) return string.format('%%.0f', number) end
redis.call('HSET', KEYS[1], 'epoch', text(current), 'now', text(now), 'next', text(free), 'full', text(full), 'paused', text(paused))
redis.call('EXPIRE', KEYS[1], 86400)
return {now, first, granted, epoch, at, n, paused, full}
`

// Turn implements [fleet.Store].
func (l limiterState) Turn(ctx context.Context, q fleet.Request) (fleet.Reply, error) {
	value, err := l.store.run(ctx, turnScript, []string{l.key}, q.Ticket.Epoch, q.Ticket.At, q.Ticket.N,
		q.Want, q.Batch, q.Gap, q.Burst, q.Pause, q.Full)
	if err != nil {
		return fleet.Reply{}, fmt.Errorf("redisstore: %w", err)
	}
	var n [8]int64
	values, _ := value.([]any)
	for i := range min(len(n), len(values)) {
		n[i], _ = values[i].(int64)
	}
	if len(values) != len(n) {
		return fleet.Reply{}, fmt.Errorf("redisstore: the script of the limiter returned %d values", len(values))
	}
	return fleet.Reply{
		Now: n[0], Grant: fleet.Ticket{At: n[1], N: n[2]}, Ticket: fleet.Ticket{Epoch: n[3], At: n[4], N: n[5]},
		Paused: n[6], Full: n[7],
	}, nil
}
