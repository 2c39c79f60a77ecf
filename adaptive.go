package growthgenius

import (
	"context"
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// adaptiveLimiter is the default [Limiter]. The API documents no limit, so requests are
// not held back until the first 429. From then on it paces them, and looks for the rate
// the server takes.
//
// A server's limit is taken for a token bucket. While the client is busy the limiter
// counts what the server takes: at the next 429 that count, less the burst the bucket
// held, over the time it took is the server's rate. Pacing goes on a little below it and
// creeps up again. After a while it grows quickly, to find out whether the limit has
// been raised; how long that while is depends on what finding out costs.
//
// A 429 that asks for no wait is taken to be about the rate only where many of the last
// answers were 429s.
type adaptiveLimiter struct {
	turn     chan struct{} // held by the one request whose turn is next, so that all others follow a change of pace
	mu       sync.Mutex
	pace     *rate.Limiter // nil until the first 429
	lessonAt time.Time     // answers to requests sent before teach nothing new

	base  float64       // the rate after the last 429
	creep float64       // growth a second, as a share of base, while it creeps
	calm  time.Duration // how long it creeps before it grows quickly
	age   time.Duration // how long the pace has been the bottleneck since the last 429
	burst float64       // what the server takes at once, as far as is known
	limit float64       // what the last 429 taught about the server's rate; 0 is nothing

	recent  uint64 // the last 64 answers, a bit each: whether it was a 429
	answers int    // how many of them there were

	// Measured since the last 429, while the pace was the bottleneck.
	taken  float64
	busy   time.Duration
	lately []count // the last ticks of that
	// The tick under way, and the two full seconds before the first 429.
	tickStart time.Time
	tickTaken float64
	second    [2]float64
	secondAt  time.Time
}

// count is how many requests the server took in a time.
type count struct {
	taken float64
	busy  time.Duration
}

const (
	adaptTick = 200 * time.Millisecond

	// The first guess where the server took less than that before its first 429: a short
	// burst says nothing about a rate.
	firstGuess   = 44
	searchCreep  = 0.04 // a second, while nothing is known
	searchCalm   = 6 * time.Second
	settledShare = 0.99 // of the rate learned
	settledCreep = 0.001
	shortestCalm = 12 * time.Second
	longestCalm  = 26 * time.Second
	probeCost    = 0.03 // the share of the time that probing may cost
	quickGrowth  = 1.4  // a second
	slowestPace  = 0.2
	blindly      = 0.75
	recentTicks  = 20 // 4 seconds

	manyThrottled = 5   // of the last 64 answers
	throttleShare = 0.2 // of them
)

func newAdaptiveLimiter() *adaptiveLimiter { return &adaptiveLimiter{turn: make(chan struct{}, 1)} }

// Wait waits for the request's turn.
func (l *adaptiveLimiter) Wait(ctx context.Context) error {
	pace := l.now()
	if pace == nil {
		return ctx.Err()
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return pace.Wait(ctx)
}

// now is the pace in force, or nil for none. Once there is one it is always the same.
func (l *adaptiveLimiter) now() *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pace
}

// answered is told of every answer: when its request was sent, whether it was a 429, and
// how long the server asks to wait.
func (l *adaptiveLimiter) answered(sent time.Time, throttled bool, pause time.Duration) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if until := now.Add(pause); pause > 0 && until.After(l.tickStart) {
			l.tickStart = until
		}
	}()
	l.recent <<= 1
	l.answers = min(l.answers+1, 64)
	if throttled {
		l.recent |= 1
		l.throttled(now, sent, pause)
	} else {
		l.took(now)
	}
}

// throttled takes a lesson from a 429, if it has one: requests that were under way when the
// last one was taken teach nothing new, and a 429 now and then is not about the rate.
func (l *adaptiveLimiter) throttled(now, sent time.Time, pause time.Duration) {
	many := bits.OnesCount64(l.recent)
	aboutRate := pause > 0 || (many >= manyThrottled && float64(many) >= throttleShare*float64(l.answers))
	if aboutRate && (l.pace == nil || sent.After(l.lessonAt)) {
		l.learn(now, pause)
		l.lessonAt = now.Add(pause)
		l.recent, l.answers = 0, 0
	}
}

// took counts a request that the server took.
func (l *adaptiveLimiter) took(now time.Time) {
	if l.pace == nil {
		if now.Sub(l.secondAt) >= time.Second {
			l.second[0], l.second[1] = l.second[1], 0
			if now.Sub(l.secondAt) >= 2*time.Second {
				l.second[0] = 0
			}
			l.secondAt = now
		}
		l.second[1]++
		return
	}
	l.tickTaken++
	elapsed, tick := now.Sub(l.tickStart), l.tick()
	if elapsed < tick {
		return
	}
	// Only where the pace held requests back does a tick say anything about the server.
	if l.tickTaken >= 0.8*l.rate()*elapsed.Seconds() {
		l.taken += l.tickTaken
		l.busy += elapsed
		l.age += elapsed
		l.lately = append(l.lately, count{l.tickTaken, elapsed})
		if len(l.lately) > recentTicks {
			l.lately = l.lately[1:]
		}
		l.pace.SetLimit(rate.Limit(l.rate()))
	}
	l.tickStart, l.tickTaken = now, 0
}

// tick is how long to count before judging: long enough for a few requests.
func (l *adaptiveLimiter) tick() time.Duration {
	return max(adaptTick, time.Duration(4/l.rate()*float64(time.Second)))
}

// rate is the pace after age.
func (l *adaptiveLimiter) rate() float64 {
	if l.age <= l.calm {
		return l.base * (1 + l.creep*l.age.Seconds())
	}
	return l.base * (1 + l.creep*l.calm.Seconds()) * math.Pow(quickGrowth, (l.age-l.calm).Seconds())
}

// learn takes a lesson from a 429.
func (l *adaptiveLimiter) learn(now time.Time, pause time.Duration) {
	if l.pace == nil {
		l.burst = l.second[0] + l.second[1]
		l.base = max(l.second[1], l.second[0], firstGuess)
		l.creep, l.calm = searchCreep, searchCalm
		l.pace = rate.NewLimiter(rate.Limit(l.base), 1)
	} else {
		tick := max(0, now.Sub(l.tickStart))
		l.age += tick
		present := l.rate()
		learned := l.estimate(tick)
		if raised := settledShare * overrun(present, l.burst); present > 1.5*l.base && raised > 1.2*learned {
			learned = raised
		}
		learned = min(max(learned, present/2), present)
		changed := l.limit == 0 || math.Abs(learned/l.limit-1) > 0.15
		l.limit = learned
		l.base = max(settledShare*learned, slowestPace)
		l.creep = settledCreep
		if changed {
			l.calm = shortestCalm
		} else { // the longer nothing changes, the less often is it worth the price to look
			lost := pause.Seconds() - l.burst/learned
			longest := min(time.Duration(lost/probeCost*float64(time.Second)), longestCalm)
			l.calm = max(shortestCalm, min(l.calm*5/4, longest))
		}
	}
	l.pace.SetLimit(rate.Limit(l.base))
	l.age, l.taken, l.busy, l.tickTaken, l.lately = 0, 0, 0, 0, nil
	l.tickStart = now
}

// estimate is the rate of a server that took so many requests in so much time, starting
// with a full bucket. It is careful: one request more or less is much in a short time, and
// a very short time says only that the pace was too high. In any time a server takes at
// most its burst and its rate, so where it took more lately, that says more.
func (l *adaptiveLimiter) estimate(tick time.Duration) float64 {
	taken, busy := l.taken+l.tickTaken, l.busy+tick
	if busy < 2*adaptTick || taken < 4 {
		return blindly * l.rate()
	}
	learned := (taken - min(l.burst, taken/2) - 1) / busy.Seconds()
	taken, busy = l.tickTaken, tick
	for _, c := range slices.Backward(l.lately) {
		taken += c.taken
		busy += c.busy
		if busy >= time.Second {
			learned = max(learned, (taken-l.burst-2)/busy.Seconds())
		}
	}
	return learned
}

// overrun is the rate of a server whose bucket a quickly growing pace has emptied: the
// area between the pace, which is present by now, and that rate is the burst.
func overrun(present, burst float64) float64 {
	low, high := 0.0, present
	for range 40 {
		mid := (low + high) / 2
		if present-mid-mid*math.Log(present/mid) > (burst+1)*math.Log(quickGrowth) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// sleep waits, but not past the context's end, and not at all where its deadline comes first.
func sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return context.DeadlineExceeded
	}
	return pause(ctx, d)
}
