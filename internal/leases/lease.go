package leases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// Pauses between two tries to acquire a key that another process has. The first one doubles
// with each try.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// releaseTimeout bounds a release. What is not released runs out.
const releaseTimeout = 5 * time.Second

// lease is a lease that a [Ledger] renews until it is released.
type lease struct {
	ledger *Ledger
	key    string
	holder string
	entry  growthgenius.Entry

	// The ledger's mu guards the fields below.
	sent  time.Time // when the request was sent that the lease was granted for the last time
	wall  time.Time // the same, without the monotonic clock
	ended bool      // lost, or released
	freed bool      // released
}

// granted notes that the lease lasts from a time on.
func (s *lease) granted(sent time.Time) { s.sent, s.wall = sent, sent.Round(0) }

// acquire asks the backend for the key until it has it.
func (s *lease) acquire(ctx context.Context) error {
	l := s.ledger
	for _, former := range l.orphansOf(s.key) {
		_ = former.giveBack(ctx) // if that fails, Acquire does, or waits
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		s.granted(time.Now())
		got, err := l.backend.Acquire(ctx, s.key, s.holder, l.lasts)
		if err == nil && len(got.Data) > 0 {
			if err = json.Unmarshal(got.Data, &s.entry); err != nil {
				err = fmt.Errorf("what is stored under the key is not an entry: %w", err)
			}
		}
		if err != nil {
			// The backend may have given the key all the same.
			go func() { _ = s.giveBack(context.WithoutCancel(ctx)) }()
			return l.failed(ctx, "acquiring the key", err)
		}
		if got.Held {
			return nil
		}
		left := jittered(pause)
		if got.Left > 0 {
			left = min(left, got.Left)
		}
		wait := time.NewTimer(left)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return l.failed(ctx, "waiting for the key, which another process has", ctx.Err())
		}
	}
}

// jittered returns a random duration of at least half of d.
func jittered(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1) //nolint:gosec // jitter needs no secrecy
}

// Entry implements [growthgenius.Lease].
func (s *lease) Entry() growthgenius.Entry { return s.entry }

// Until implements [growthgenius.Lease]. The store counts from a moment after the request was
// sent, so the lease lasts at least until then. Of the monotonic clock and the wall clock, the
// one counts that went further: the former may stand still while the machine is suspended.
func (s *lease) Until() time.Time {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	if s.ended {
		return s.sent
	}
	now := time.Now()
	passed := max(now.Sub(s.sent), now.Round(0).Sub(s.wall))
	return now.Add(s.ledger.lasts - passed)
}

// Record implements [growthgenius.Lease].
func (s *lease) Record(ctx context.Context, e growthgenius.Entry) error {
	if err := ctx.Err(); err != nil {
		return err //nolint:wrapcheck // the caller's own
	}
	l := s.ledger
	if s.over() {
		return fmt.Errorf("%s: %w", l.name, growthgenius.ErrLeaseLost)
	}
	v, err := valueOf(e)
	if err != nil {
		return fmt.Errorf("%s: the entry cannot be encoded: %w", l.name, err)
	}
	if err := l.backend.Record(ctx, s.key, s.holder, v); err != nil {
		if errors.Is(err, growthgenius.ErrLeaseLost) {
			s.lose()
		}
		return l.failed(ctx, "storing the entry", err)
	}
	s.entry = e
	return nil
}

func (s *lease) over() bool {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ended
}

func (s *lease) lose() {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ended = true
	s.ledger.drop(s)
}

// valueOf encodes an entry.
func valueOf(e growthgenius.Entry) (v Value, err error) {
	if e.IsZero() {
		return v, nil
	}
	if e.Scope != "" && e.ID != "" {
		v.Scope, v.ID = e.Scope, string(e.ID)
	}
	v.Open = e.ID == "" && e.Token != nil
	v.Data, err = json.Marshal(e)
	return v, err //nolint:wrapcheck // the caller says what it is of
}

// Taken reports whether another key of a scope has an id.
func (s *lease) Taken(ctx context.Context, scope string, id growthgenius.ID) (bool, error) {
	if scope == "" || id == "" {
		return false, nil
	}
	taken, err := s.ledger.backend.Taken(ctx, s.key, scope, string(id))
	if err != nil {
		return false, s.ledger.failed(ctx, "looking for the id", err)
	}
	return taken, nil
}

// Release implements [growthgenius.Lease]. If the store cannot be reached, the lease runs out.
func (s *lease) Release(ctx context.Context) error {
	l := s.ledger
	l.mu.Lock()
	freed, lost := s.freed, s.ended
	s.freed, s.ended = true, true
	l.drop(s)
	l.mu.Unlock()
	if freed {
		return nil
	}
	defer l.turns.Give(s.key)
	if lost {
		return nil
	}
	if err := s.giveBack(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("%s: releasing the key: %w", l.name, err)
	}
	return nil
}

// giveBack ends the lease in the store. If that fails, the next one of this process that
// acquires the key tries again: the key is free for it.
func (s *lease) giveBack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	err := s.ledger.backend.Release(ctx, s.key, s.holder)
	if err != nil {
		s.ledger.orphan(s)
	}
	return err //nolint:wrapcheck // the caller says what it is of
}
