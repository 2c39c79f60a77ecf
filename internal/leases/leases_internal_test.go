package leases

import (
	"testing"
	"time"
)

// TestSuspendedMachine: a lease is over if the wall clock says so, though the monotonic clock
// stood still.
func TestSuspendedMachine(t *testing.T) {
	t.Parallel()
	l := New(nil, Options{})
	s := &lease{ledger: l}
	s.granted(time.Now())
	if left := time.Until(s.Until()); left < 80*time.Second {
		t.Errorf("%v left", left)
	}
	s.wall = s.wall.Add(-time.Hour)
	if left := time.Until(s.Until()); left > 0 {
		t.Errorf("%v left after an hour", left)
	}
}
