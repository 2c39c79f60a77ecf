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
	// to 10,000. 2% of it are kept back. Default 0: the processes learn together what the API
	// accepts, as the default limiter of a client does alone.
	PerSecond float64
	// Burst is how many requests may be sent at once after a quiet time, if PerSecond is set.
	// Default 1.
	Burst int
	// Alone is the share of PerSecond that each process may use while Redis does not respond,
	// from 0 to 1. Choose less than 1 divided by the number of processes. Default 0: Wait
	// returns an error then.
	Alone float64
}

// Limiter returns a limiter for [growthgenius.WithLimiter]. The processes that use one Redis,
// prefix and name send no more than PerSecond, and Burst once, in any second, and take turns.
// A Retry-After of up to a minute that holds back all calls of one process pauses all
// processes: see [growthgenius.WithRateLimit]. Redis is called about once per request.
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
var turnScript = redis.NewScript(fmt.Sprintf(turnLua, fleet.Ahead, fleet.Late, fleet.Skew, fleet.Lease, fleet.MostEvents))

const turnLua = `
local AHEAD, LATE, SKEW, LEASE, MOST = %d, %d, %d, %d, %d
local q = {}
for i = 1, 12 do q[i] = tonumber(ARGV[i]) end
local epoch, at, n, want, batch, gap, burst, pause, known, id, hold, til = unpack(q)
local events, memory = ARGV[13], ARGV[14]
local max, min, floor = math.max, math.min, math.floor
local function strict() return gap - floor(gap / 100) end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local names = {'epoch', 'now', 'next', 'full', 'paused', 'gap', 'until', 'learner', 'lease', 'events', 'memory'}
local s = {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
	s[names[i]] = i > 9 and (value or '') or tonumber(value or 0)
end
if s.epoch == 0 or now < s.now - SKEW then
	local from = now + 2 * AHEAD + gap
	for i, name in ipairs(names) do s[name] = i > 9 and '' or 0 end
	s.gap = id ~= 0 and gap or 0
	s.epoch, s.next, s.full = now, from, from + (burst - 1) * strict()
end
now = max(now, s.now)
s.now = now
s.full = max(s.full, min(known, now + 2 * AHEAD + burst * gap))
if pause > 0 then s.paused = max(s.paused, now + pause) end

local gotEvents, gotMemory = '', ''
if id ~= 0 then
	if memory ~= '' and (s.learner == 0 or s.learner == id) then
		if s.events ~= '' then til = max(til, s['until']) end
		if gap < s.gap - floor(s.gap / 4) or til < s['until'] then
			s.epoch = max(now, s.epoch + 1)
			s.next, s.full = min(s.next, now + gap), min(s.full, now + gap)
		end
		s.learner, s.gap, s['until'], s.memory = id, gap, til, memory
	end
	if hold > 0 and s.gap == 0 then s['until'] = max(s['until'], now + hold) end
	s.events = s.events .. events
	if #s.events > MOST then s.events = events end
	if s.learner ~= id and s.lease < now then s.learner, gotMemory = id, s.memory end
	if s.learner == id then
		s.lease = max(now, s.paused, s['until']) + LEASE
		gotEvents, s.events = s.events, ''
	end
	gap = s.gap
end

local paused = max(s.paused, s['until'])
local granted, first = 0, 0
local function confirm()
	local from = max(now, at, s.full - (burst - 1) * strict())
	n = min(n, 1 + floor(AHEAD / gap))
	if from > now + AHEAD then
		at = from
		return
	end
	s.full = max(s.full + n * strict(), from + (n - 1) * gap + strict())
	granted, first, epoch, at, n = n, from, 0, 0, 0
end
if gap == 0 then
	epoch, at, n = 0, 0, 0
	if want > 0 and paused > now + AHEAD then
		at, n = paused, want
	elseif want > 0 then
		granted, first = want, max(now, paused)
	end
else
	if epoch ~= s.epoch or at + LATE < now or at < paused and now < paused then
		epoch, at, n = 0, 0, 0
	else
		confirm()
	end
	want = want - granted
	if want > 0 and n == 0 then
		local from = max(s.next, paused, now - (burst - 1) * gap)
		n = max(1, min(want, batch - floor(max(0, from - now) / gap), 1 + floor(AHEAD / gap)))
		s.next = from + n * gap
		epoch, at = s.epoch, max(from, now)
	end
	if granted == 0 and n > 0 then confirm() end -- also a ticket that is not due yet
end

local set = {}
for i, name in ipairs(names) do
	set[2 * i - 1] = name
	set[2 * i] = i > 9 and s[name] or string.format('%%.0f', s[name])
end
redis.call('HSET', KEYS[1], unpack(set))
redis.call('EXPIRE', KEYS[1], 86400)
return {now, first, granted, epoch, at, n, paused, s.full, gap, s.learner, gotEvents, gotMemory}
`

// Turn implements [fleet.Store].
func (l limiterState) Turn(ctx context.Context, q fleet.Request) (fleet.Reply, error) {
	value, err := l.store.run(ctx, turnScript, []string{l.key}, q.Ticket.Epoch, q.Ticket.At, q.Ticket.N,
		q.Want, q.Batch, q.Gap, q.Burst, q.Pause, q.Full, q.ID, q.Hold, q.Until, q.Events, q.Memory)
	if err != nil {
		return fleet.Reply{}, fmt.Errorf("redisstore: %w", err)
	}
	var n [10]int64
	var text [2]string
	values, _ := value.([]any)
	if len(values) != len(n)+len(text) {
		return fleet.Reply{}, fmt.Errorf("redisstore: the script of the limiter returned %d values", len(values))
	}
	for i := range n {
		n[i], _ = values[i].(int64)
	}
	for i := range text {
		text[i], _ = values[len(n)+i].(string)
	}
	return fleet.Reply{
		Now: n[0], Grant: fleet.Ticket{At: n[1], N: n[2]}, Ticket: fleet.Ticket{Epoch: n[3], At: n[4], N: n[5]},
		Paused: n[6], Full: n[7], Gap: n[8], Learner: n[9], Events: text[0], Memory: text[1],
	}, nil
}
