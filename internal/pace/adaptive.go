package pace

import (
	"context"
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Adaptive is the default [Limiter]. Requests are not held back until the first 429, since
// no limit is documented. After it they are paced, and the rate that the server accepts is
// searched for. A Gate reports the responses to it.
//
// The server's limit is assumed to be a token bucket. While the pace holds requests back,
// accepted requests are counted. At the next 429 that count, less the burst that the bucket
// held, divided by the time it took, is the server's rate. The pace is then set a little
// below it and creeps up again. After a while it grows quickly, to find out whether the
// limit has been raised; how long that while is depends on what finding out costs.
//
// A 429 that asks for no wait only counts if many of the last responses were 429s: else it
// need not be about the rate.
type Adaptive struct {
	// turn is held by the request whose turn is next, so that all behind it follow a
	// change of pace.
	turn chan struct{}

	mu       sync.Mutex    // guards all fields below
	pace     *rate.Limiter // nil until the first 429, and then always the same
	lessonAt time.Time     // responses to requests sent before it teach nothing new

	base  float64       // the rate after the last 429
	creep float64       // growth a second, as a share of base, while the pace creeps
	calm  time.Duration // how long the pace creeps before it grows quickly
	age   time.Duration // how long the pace has held requests back since the last 429
	burst float64       // what the server accepts at once, as far as is known
	limit float64       // the server's rate according to the last 429; 0 if unknown

	recent    uint64 // the last 64 responses, a bit each: 1 for a 429
	responses int    // how many of these bits are in use

	// Measured since the last 429, while the pace held requests back.
	taken  float64
	busy   time.Duration
	lately []count // the last ticks of it
	// The tick under way.
	tickStart time.Time
	tickTaken float64
	// Before the first 429: the requests of the last second, and of the one before.
	second   [2]float64
	secondAt time.Time
}

// count is how many requests the server accepted in a time.
type count struct {
	taken float64
	busy  time.Duration
}

const (
	adaptTick = 200 * time.Millisecond

	// The least that is guessed at the first 429: a short burst before it is no measure of
	// the rate.
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

	manyThrottled = 5   // of the last 64 responses
	throttleShare = 0.2 // of them
)

// NewAdaptive returns a limiter that holds nothing back until the first 429.
func NewAdaptive() *Adaptive { return &Adaptive{turn: make(chan struct{}, 1)} }

// Wait blocks until the request's turn, or until the context ends.
func (l *Adaptive) Wait(ctx context.Context) error {
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

// now returns the pace in force, nil for none.
func (l *Adaptive) now() *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pace
}

// answered learns from a response: when its request was sent, whether it is a 429, and how
// long the server asks to wait.
func (l *Adaptive) answered(sent time.Time, throttled bool, pause time.Duration) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if until := now.Add(pause); pause > 0 && until.After(l.tickStart) {
			l.tickStart = until
		}
	}()
	l.recent <<= 1
	l.responses = min(l.responses+1, 64)
	if throttled {
		l.recent |= 1
		l.throttled(now, sent, pause)
	} else {
		l.took(now)
	}
}

// throttled learns from a 429, if there is something to learn. Requests that were in flight
// at the last lesson teach nothing new, and an occasional 429 is not about the rate.
func (l *Adaptive) throttled(now, sent time.Time, pause time.Duration) {
	many := bits.OnesCount64(l.recent)
	aboutRate := pause > 0 || (many >= manyThrottled && float64(many) >= throttleShare*float64(l.responses))
	if aboutRate && (l.pace == nil || sent.After(l.lessonAt)) {
		l.learn(now, pause)
		l.lessonAt = now.Add(pause)
		l.recent, l.responses = 0, 0
	}
}

// took counts a request that the server accepted.
func (l *Adaptive) took(now time.Time) {
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
	// A tick is only a measure of the server if the pace held requests back.
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

// tick returns how long requests are counted before the count is judged: long enough for a
// few of them.
func (l *Adaptive) tick() time.Duration {
	return max(adaptTick, time.Duration(4/l.rate()*float64(time.Second)))
}

// rate returns the pace at the present age.
func (l *Adaptive) rate() float64 {
	if l.age <= l.calm {
		return l.base * (1 + l.creep*l.age.Seconds())
	}
	return l.base * (1 + l.creep*l.calm.Seconds()) * math.Pow(quickGrowth, (l.age-l.calm).Seconds())
}

// learn sets a new pace after a 429.
func (l *Adaptive) learn(now time.Time, pause time.Duration) {
	if l.pace == nil {
		l.burst = l.second[0] + l.second[1]
		l.base = max(l.second[1], l.second[0], firstGuess)
		l.creep, l.calm = searchCreep, searchCalm
		l.pace = rate.NewLimiter(rate.Limit(l.base), 1)
	} else {
		l.relearn(now, pause)
	}
	l.pace.SetLimit(rate.Limit(l.base))
	l.age, l.taken, l.busy, l.tickTaken, l.lately = 0, 0, 0, 0, nil
	l.tickStart = now
}

// relearn sets base, creep and calm from what was measured since the 429 before.
func (l *Adaptive) relearn(now time.Time, pause time.Duration) {
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
		return
	}
	// The longer the limit stays the same, the less often is probing worth its price.
	lost := pause.Seconds() - l.burst/learned
	longest := min(time.Duration(lost/probeCost*float64(time.Second)), longestCalm)
	l.calm = max(shortestCalm, min(l.calm*5/4, longest))
}

// estimate returns the rate of a server that accepted the requests counted so far, starting
// with a full bucket. It is cautious: in a short time one request more or less makes a big
// difference, and a very short time only shows that the pace was too high.
//
// In any period a server accepts at most its burst plus its rate. So if it accepted more in
// the last few ticks than on average, those determine the rate.
func (l *Adaptive) estimate(tick time.Duration) float64 {
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

// overrun returns the rate of a server whose bucket was emptied by a quickly growing pace
// that is present by now. The area between the pace and that rate is the burst.
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
