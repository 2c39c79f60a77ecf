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

// window is how long after a request absence starts to mean something.
func (p Policy) window() time.Duration { return max(p.Settle, p.ReplayAfter) }

// verdict is what came of looking for a create.
type verdict struct {
	finding finding
	row     match.Row // if found
	seen    []wire.ID // equal records that the lists showed
	last    error     // why it is inconclusive
}

// look reads the list until it shows the create or the settle window ends. absence asks for
// proof that the create did not happen.
func (t *Tracker) look(ctx context.Context, p *pending, absence bool) (v verdict) {
	begun := time.Now()
	ended := t.endedBy(p, begun)
	settled := ended.Add(t.policy.window())
	if settled.Before(begun) {
		settled = begun
	}
	for n, extra := 0, 0; ; n++ {
		final, err := waitForRead(ctx, begun, settled, n, extra)
		if err != nil {
			return v.unknown(waiting(err))
		}
		s, err := t.rounds.wait(ctx, t.listOf(p), p, final && absence)
		if err != nil {
			return v.unknown(waiting(err))
		}
		for _, row := range s.exact {
			v.seen = append(v.seen, row.ID())
		}
		v.finding, v.row = t.decide(p, s, final)
		if v.finding == found {
			return v
		}
		v.last = t.reason(p, s)
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
		// What is newest need not be in a list before this time.
		if whole := ended.Add(listMargin + t.clock.bounds().width()); extra == 0 || !s.began.Before(whole) {
			extra++
		}
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

// waitForRead waits until read number n is due, and reports whether the settle window has
// ended by then. Reads after that are extra ones.
func waitForRead(ctx context.Context, begun, settled time.Time, n, extra int) (final bool, err error) {
	at := begun.Add(readAt(n))
	if final = at.Add(roundInterval).After(settled); final {
		if at = settled; extra > 0 {
			at = time.Now().Add(roundInterval)
		}
	}
	if wait := time.Until(at); wait > 0 {
		err = pace.Sleep(ctx, wait)
	}
	return final, err
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
func (t *Tracker) reason(p *pending, s *sighting) error {
	switch alike := t.alike(p, s); {
	case s.err != nil:
		return cause(s.err)
	case len(alike) > 0:
		return &AlikeError{alike}
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

// endedBy is the latest time that the last request of a create can have ended, by the clock
// of this machine.
func (t *Tracker) endedBy(p *pending, now time.Time) time.Time {
	t.mu.Lock()
	x := p.target
	t.mu.Unlock()
	ended := x.ended
	switch {
	case ended.IsZero(): // its process did not live to see it
		return now
	case x.foreign: // by the clock of another machine, or of this one before it was set
		b := t.clock.bounds()
		if x.token.Ahead == nil || !b.known {
			return now
		}
		ended = ended.Add(x.token.Ahead[1] - b.low)
	}
	if ended.After(now) {
		return now
	}
	return ended
}
