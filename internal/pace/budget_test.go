package pace_test

import (
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// drain takes from a budget until it has nothing left, and returns how often it had enough.
func drain(b *pace.Budget) (taken, spent int) {
	for b.Take(&spent) {
		taken++
	}
	return taken, spent
}

// TestBudget: 100 retries empty it. A call that succeeds pays back its own retries and a
// fifth of another, never more than there was.
func TestBudget(t *testing.T) {
	t.Parallel()
	b := pace.NewBudget()
	if taken, spent := drain(b); taken != 100 || spent != 500 {
		t.Fatalf("a full budget paid for %d retries, which cost %d", taken, spent)
	}
	refused := 0
	if b.Take(&refused) || refused != 0 {
		t.Errorf("an empty budget paid; spent %d", refused)
	}
	for range 4 {
		b.Succeeded(0)
	}
	if taken, _ := drain(b); taken != 0 {
		t.Errorf("4 successes paid for %d retries", taken)
	}
	b.Succeeded(0)
	if taken, _ := drain(b); taken != 1 {
		t.Errorf("5 successes paid for %d retries", taken)
	}
	b.Succeeded(2 * 5) // it was tried again twice
	if taken, _ := drain(b); taken != 2 {
		t.Errorf("a call that had spent 10 paid for %d retries", taken)
	}
	for range 1000 {
		b.Succeeded(7)
	}
	if taken, _ := drain(b); taken != 100 {
		t.Errorf("after 1000 successes there is enough for %d retries", taken)
	}
}
