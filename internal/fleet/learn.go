package fleet

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

const (
	// flush is how long events are kept before they are passed on, and how often the process
	// that learns asks for those of the others.
	flush = 50 * time.Millisecond
	// tail is how long the process that learns asks for them after the last one.
	tail = 200 * time.Millisecond
	// look is how often a process that waits asks for a change of the pace.
	look = 100 * time.Millisecond
	// batch is how many events are told apart in one call of the store.
	batch = 64
	// firstGap is the gap while the store is away, if nothing is known: of 20 a second.
	firstGap = 50_000
)

// learner is a limiter that learns the budget together with other processes.
type learner struct{ *Limiter }

// Answered passes on a response: when its request was sent, whether it is a 429, and how
// long the server asked to wait.
func (l learner) Answered(sent time.Time, throttled bool, pause time.Duration) {
	e := event{sent: sent, count: 1, pause: min(pause, longestPause)}
	if throttled {
		e.kind = refused
	}
	l.add(e)
}

// Forgive passes on that the last 429s were about something else than the rate.
func (l learner) Forgive() { l.add(event{sent: time.Now(), kind: forgiven, count: 1}) }

func (l learner) add(e event) {
	if l.invalid != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e.waited = len(l.waiting) > 0
	l.learning.add(e)
	l.start()
	if e.kind != accepted {
		l.nudge()
	}
}

// The kinds of events.
const (
	accepted = iota
	refused
	forgiven
)

// event is a response, or several that were accepted.
type event struct {
	sent   time.Time
	kind   int
	waited bool // requests waited for their turn then
	pause  time.Duration
	count  int
}

// learning is a process' part of learning a budget. All methods may be called on a nil
// pointer, that of a budget that is known.
type learning struct {
	id     int64
	events []event
	begun  time.Time     // when the first of them came
	urgent bool          // they, or what was learned, cannot wait
	hold   time.Duration // the pause of the last 429
	fresh  time.Time     // requests are released at once until then
	asked  time.Time     // when the store was called last
	active time.Time     // when the last event came

	learner *pace.Learner // nil unless this process is the one that learns
	offset  time.Duration // of the store's clock
	gap     int64         // what was told last
	until   int64
}

func newLearning() *learning {
	return &learning{id: 1 + rand.Int64N(1<<50)} //nolint:gosec // it need not be secret
}

// add keeps an event until the store is called.
func (l *learning) add(e event) {
	if len(l.events) == 0 {
		l.begun = time.Now()
	}
	if e.kind != accepted {
		l.urgent, l.fresh = true, time.Time{}
	}
	if e.kind == refused {
		l.hold = max(l.hold, e.pause, flush) // until what it means has been learned
	}
	if n := len(l.events); n >= batch && e.kind == accepted && l.events[n-1].kind == accepted {
		e.count += l.events[n-1].count
		l.events[n-1] = e
		return
	}
	l.events = append(l.events, e)
	l.active = time.Now()
}

// free releases a request at once if nothing is held back, and reports whether it did.
func (l *learning) free(w *waiter) bool {
	now := time.Now()
	if l == nil || !now.Before(l.fresh) {
		return false
	}
	w.turn <- turn{at: now}
	return true
}

// pending reports whether there is something to tell the store, or to learn from others.
func (l *learning) pending(now time.Time) bool {
	return l != nil && (len(l.events) > 0 || l.urgent || l.learner != nil && now.Sub(l.active) < tail)
}

// soon returns how long the next call of the store may wait.
func (l *learning) soon(now time.Time, wait time.Duration, waiting bool) time.Duration {
	switch {
	case l == nil:
		return wait
	case l.urgent:
		return 0
	case !waiting:
		wait = flush
	}
	if len(l.events) > 0 {
		wait = min(wait, l.begun.Add(flush).Sub(now))
	}
	often := look
	if l.learner != nil {
		often = flush
	}
	return min(wait, l.asked.Add(often).Sub(now))
}

// ask adds to a request what the store is to be told.
func (l *learning) ask(q *Request, now time.Time) {
	if l == nil {
		return
	}
	var text strings.Builder
	for _, e := range l.events {
		waited := 0
		if e.waited {
			waited = 1
		}
		fmt.Fprintf(&text, "%d %d %d %d %d\n", e.sent.Add(l.offset).UnixMicro(), e.kind, waited, e.pause.Microseconds(), e.count)
	}
	l.asked = now
	q.ID, q.Hold, q.Events = l.id, l.hold.Microseconds(), text.String()
	l.events, l.urgent, l.hold = nil, false, 0
	if l.learner == nil {
		return
	}
	gap, until, _ := l.learner.Pace(int(q.Want))
	memory, err := json.Marshal(l.learner.Known())
	if err != nil {
		return
	}
	q.Gap, q.Memory = gap.Microseconds(), string(memory)
	if !until.IsZero() {
		q.Until = until.UnixMicro()
	}
	l.gap, l.until = q.Gap, q.Until
}

// told learns from a reply of the store, which read its clock at this time.
func (l *learning) told(r Reply, at time.Time, waiting int) {
	if l == nil {
		return
	}
	now := time.UnixMicro(r.Now)
	l.offset = now.Sub(at.Round(0))
	if r.Gap == 0 && r.Paused <= r.Now && !l.urgent {
		l.fresh = time.Now().Add(flush)
	}
	if r.Learner != l.id {
		l.learner = nil
		return
	}
	if l.learner == nil {
		resumed := resume(r, now)
		l.learner = &resumed
	}
	effect := now.Add(flush) // when all processes follow what is learned now
	for _, e := range parse(r.Events) {
		l.learner.Released(e.sent, e.waited)
		for range e.count {
			switch e.kind {
			case forgiven:
				l.learner.Forgive()
			default:
				l.learner.Answered(effect, e.sent, e.kind == refused, e.pause)
			}
		}
	}
	if r.Events == "" {
		return
	}
	l.active = time.Now()
	gap, until, _ := l.learner.Pace(waiting)
	changed := gap.Microseconds()
	if changed < l.gap*4/5 || changed > l.gap*5/4 || !until.IsZero() && until.UnixMicro() != l.until || until.IsZero() && l.until != 0 {
		l.urgent, l.fresh = true, time.Time{}
	}
}

// resume returns the learner of a process that has become the one that learns.
func resume(r Reply, now time.Time) pace.Learner {
	var known pace.Known
	if err := json.Unmarshal([]byte(r.Memory), &known); err != nil && r.Gap > 0 {
		known.Pace = 1e6 / float64(r.Gap)
		known.Least, known.Most = known.Pace, known.Pace
	}
	return pace.Resume(known, now)
}

// parse returns events in the order in which their requests were sent.
func parse(text string) []event {
	var events []event
	for line := range strings.Lines(text) {
		var n [5]int64
		for i, field := range strings.Fields(line) {
			if i < len(n) {
				n[i], _ = strconv.ParseInt(field, 10, 64)
			}
		}
		events = append(events, event{
			sent: time.UnixMicro(n[0]), kind: int(n[1]), waited: n[2] == 1,
			pause: time.Duration(n[3]) * time.Microsecond, count: int(n[4]),
		})
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.sent.Compare(b.sent) })
	return events
}
