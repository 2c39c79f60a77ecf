package ledgertest

import (
	"context"
	"errors"
	"testing"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// testKill: what was recorded is there after the process was killed at each step, and its
// keys can be acquired.
func testKill(t *testing.T, s Store) {
	if s.Kill == nil {
		t.Skip("the store does not outlive its process")
	}
	dying := s.Open(t)
	acquire(t, dying, "acquired")
	begun, token := acquire(t, dying, "begun"), sample(t, "")
	record(t, begun, token)
	done := acquire(t, dying, "done")
	record(t, done, token)
	record(t, done, sample(t, "1"))
	store(t, dying, "released", sample(t, "2"))
	s.Kill(t, dying)

	next := s.Open(t)
	began := time.Now()
	expect(t, next, "acquired", growthgenius.Entry{})
	expect(t, next, "begun", token)
	expect(t, next, "done", sample(t, "1"))
	expect(t, next, "released", sample(t, "2"))
	if took := time.Since(began); took > s.Takeover+5*time.Second {
		t.Errorf("the keys of a process that was killed were free after %v, want %v", took, s.Takeover)
	}
	if err := begun.Record(t.Context(), sample(t, "3")); err == nil {
		t.Error("a lease that was taken over still records")
	}
	expect(t, next, "begun", token)
}

// testRenewal: a lease whose holder lives lasts until it is released, and says so.
func testRenewal(t *testing.T, s Store) {
	l := s.Open(t)
	other := l
	if !s.Alone {
		other = s.Open(t)
	}
	held := acquire(t, l, "key")
	record(t, held, sample(t, "1"))
	ctx, cancel := context.WithTimeout(t.Context(), 2*s.Takeover+100*time.Millisecond)
	defer cancel()
	if _, err := other.Acquire(ctx, "key"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Acquire of a key that is held: got %v, want %v", err, context.DeadlineExceeded)
	}
	if until := held.Until(); !until.IsZero() && time.Until(until) <= 0 {
		t.Errorf("the lease is held, but Until was %v ago", time.Since(until))
	}
	record(t, held, sample(t, "2"))
	release(t, held)
	expect(t, other, "key", sample(t, "2"))
}

// testTakeover: a process that goes on after another one has taken over its key has lost the
// lease, and knows it.
func testTakeover(t *testing.T, s Store) {
	if s.Suspend == nil {
		t.Skip("the store cannot suspend a process")
	}
	l, other := s.Open(t), s.Open(t)
	old, released := acquire(t, l, "key"), acquire(t, l, "released")
	record(t, old, sample(t, "1"))
	record(t, released, sample(t, "11"))
	resume := s.Suspend(t, l)
	lease := acquire(t, other, "key")
	wantEntry(t, lease, sample(t, "1"))
	store(t, other, "released", sample(t, "12"))
	for name, lost := range map[string]growthgenius.Lease{"key": old, "released": released} {
		if until := lost.Until(); until.IsZero() || time.Until(until) > 0 {
			t.Errorf("%s: the lease was taken over, but Until is %v", name, until)
		}
	}
	resume()
	for name, lost := range map[string]growthgenius.Lease{"key": old, "released": released} {
		if err := lost.Record(t.Context(), sample(t, "2")); !errors.Is(err, growthgenius.ErrLeaseLost) {
			t.Errorf("%s: Record of a lease that was taken over: got %v, want ErrLeaseLost", name, err)
		}
		release(t, lost)
	}
	record(t, lease, sample(t, "3")) // it is not released by the release of the old one
	release(t, lease)
	expect(t, l, "key", sample(t, "3"))
	expect(t, l, "released", sample(t, "12"))
}
