package readback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/pace"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// extraRounds is how often a list is read after the settle window if the reads were
// inconclusive and absence matters.
const extraRounds = 3

// maxSharper is how many reads of a list are made only for their Date headers.
const maxSharper = 4

// window is how long after a request absence starts to mean something.
func (p Policy) window() time.Duration { return max(p.Settle, p.ReplayAfter) }

// verdict is what came of looking for a create.
type verdict struct {
	finding finding
	row     match.Row // if found
	seen    []wire.ID // equal records that the lists showed
	last    error     // why it is inconclusive
	took    time.Duration
}

// look reads the list until it shows the create or the settle window ends. absence asks for
// proof that the create did not happen.
func (t *Tracker) look(ctx context.Context, p *pending, absence bool) (v verdict) {
	begun := time.Now()
	for n, extra, sharper := 0, 0, 0; ; n++ {
		at, final := readDue(begun, t.settled(p, begun), n, extra)
		soon := v.finding == blurred && sharper < maxSharper && !final
		if soon {
			at = t.sharpest(v.took)
			sharper, n = sharper+1, n-1
		}
		if err := t.sleepUntil(ctx, p, at); err != nil {
			return v.unknown(waiting(err))
		}
		s, err := t.rounds.wait(ctx, t.listOf(p), p, wish{prove: final && absence, soon: soon})
		if err != nil {
			return v.unknown(waiting(err))
		}
		for _, row := range s.exact {
			v.seen = append(v.seen, row.ID())
		}
		final = final && !s.began.Before(t.settled(p, begun)) // the read may have shown the clocks
		v.finding, v.row = t.decide(p, s, final)
		if v.finding == found {
			return v
		}
		v.last, v.took = t.reason(p, s, v.finding), s.took
		switch marked := p.token.Marker != ""; {
		case isFinal(s.err):
			return v.unknown(v.last)
		case s.err == nil && !s.trusted && !marked:
			return v.unknown(errors.New("the list has no Date header, so it cannot be compared with the time of the create"))
		case !final:
			continue
		case v.finding == absent:
			return v
		}
		extra++
		if extra > extraRounds || !absence {
			return v.unknown(v.last)
		}
	}
}

func (v verdict) unknown(last error) verdict {
	v.finding, v.row, v.last = inconclusive, nil, last
	return v
}

func waiting(err error) error { return fmt.Errorf("waiting for a list that shows the record: %w", err) }

// readDue returns when read number n is due, and reports whether the settle window has ended
// by then. Reads after that are extra ones.
func readDue(begun, settled time.Time, n, extra int) (at time.Time, final bool) {
	if extra > 0 {
		return time.Now().Add(roundInterval), true
	}
	if at = begun.Add(readAt(n)); at.Add(roundInterval).After(settled) {
		return settled, true
	}
	return at, false
}

// sharpest returns when to read a list next to learn most about the server's clock. A read
// takes so long.
func (t *Tracker) sharpest(took time.Duration) time.Time {
	now := time.Now()
	wait := t.clock.tick(now, took)
	if wait < soonInterval {
		wait += time.Second
	}
	return now.Add(wait)
}

func (t *Tracker) sleepUntil(ctx context.Context, p *pending, at time.Time) error {
	wait := time.Until(at)
	if wait <= 0 {
		return nil
	}
	begun := time.Now()
	err := pace.Sleep(ctx, wait)
	t.tell(ctx, t.listOf(p), Settling, begun)
	return err //nolint:wrapcheck // the caller says what it waited for
}

// readAt is when read number n is due: soon at first, later less often.
func readAt(n int) time.Duration {
	if n < 2 {
		return time.Duration(n) * roundInterval
	}
	return roundInterval + time.Duration(n-1)*busyInterval
}

// AlikeError means that a list has records that may be the one of a create, or those of
// other creates. Its text leaves out their IDs: it may be logged.
type AlikeError struct{ IDs []wire.ID }

// Error says so.
func (*AlikeError) Error() string {
	return "the list has records that may be this one, or those of other creates"
}

// reason returns why a read of the list did not settle a create.
func (t *Tracker) reason(p *pending, s *sighting, f finding) error {
	switch alike := t.alike(p, s); {
	case s.err != nil:
		return cause(s.err)
	case f == blurred:
		return errors.New("the list has a record like it, but what is known of the server's clock does not show which was first")
	case len(alike) > 0:
		return &AlikeError{alike}
	case p.scoped:
		return errors.New("the record is for another user, whose list this is not")
	case p.dated:
		return errors.New("the record was sent with times of its own, and lists may go by them")
	case !s.complete:
		return errors.New("the list may be incomplete, or late")
	default:
		return errors.New("the list does not have it yet")
	}
}

// alike returns the ids of the records that may be the one of a create, as far as a read of
// the list shows: those that are not known to be another's.
func (t *Tracker) alike(p *pending, s *sighting) []wire.ID {
	ids := slices.Clone(s.near)
	for _, row := range s.exact {
		ids = append(ids, row.ID())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(ids, func(id wire.ID) bool { return t.claims.taken(p, id) })
}

// settled returns when the settle window of a create ends: now at the earliest.
func (t *Tracker) settled(p *pending, now time.Time) time.Time {
	settled := t.endedBy(p, now).Add(t.policy.window())
	if settled.Before(now) {
		return now
	}
	return settled
}

// endedBy is the latest time that the last request of a create can have ended, by the clock
// of this machine.
func (t *Tracker) endedBy(p *pending, now time.Time) time.Time {
	t.mu.Lock()
	x := p.target
	t.mu.Unlock()
	ended := x.ended
	if ended.IsZero() { // its process did not live to see it
		ended = x.began.Add(t.timeout)
	}
	if b := t.clock.bounds(); x.foreign && x.token.Ahead != nil && b.known {
		ended = ended.Add(x.token.Ahead[1] - b.low)
	} else if x.foreign { // by the clock of another machine, or of this one before it was set
		ended = ended.Add(slowSkew)
	}
	if ended.After(now) {
		return now
	}
	return ended
}
