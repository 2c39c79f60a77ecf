package readback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
)

// noLists is an empty list.
type noLists struct{}

func (noLists) Read(context.Context, List, time.Time, time.Time, func(match.Row)) error { return nil }

func tokenOf(n int) Token {
	return Token{
		Version: tokenVersion, Nonce: fmt.Sprint(n), Resource: match.Contact, UserID: "1",
		Content: json.RawMessage(fmt.Sprintf(`{"email":"ada%d@example.com"}`, n)), Started: time.Unix(1, 0),
	}
}

// TestNothingIsKept: of creates that are settled, only the claims remain.
func TestNothingIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tracker := New(Config{Lists: noLists{}})
		answers := []Answer{
			{ID: "7", Row: match.Row{}, Sent: 1},
			{Err: errors.New("refused"), Sent: 1},
			{Err: errors.New("lost"), Ambiguous: true, Sent: 1},
		}
		for i, answer := range answers {
			_, _ = tracker.Create(t.Context(), Creation{
				Token: tokenOf(i), Send: func(context.Context, int, func() error) Answer { return answer },
			})
		}
		if len(tracker.groups) != 1 || tracker.parked.Len() != 1 || tracker.claims.newer.count != 1 {
			t.Errorf("%d groups, %d parked, %d claims", len(tracker.groups), tracker.parked.Len(), tracker.claims.newer.count)
		}
		now := time.Now()
		tracker.clock.Observe(now, now, now)
		time.Sleep(time.Hour)
		if _, err := tracker.Resolve(t.Context(), tokenOf(2), List{}); !errors.Is(err, ErrAbsent) {
			t.Error(err)
		}
		if len(tracker.groups) != 0 || tracker.parked.Len() != 0 || len(tracker.fresh) != 0 {
			t.Errorf("then %d groups, %d parked", len(tracker.groups), tracker.parked.Len())
		}
	})
}

// TestParkedIsBounded: of too many unknown creates the oldest are forgotten.
func TestParkedIsBounded(t *testing.T) {
	t.Parallel()
	tracker := New(Config{Policy: Policy{Disabled: true}})
	for i := range maxParked + 2 {
		p, err := tracker.begin(tokenOf(i), List{})
		if err != nil {
			t.Fatal(err)
		}
		tracker.park(p, nil)
	}
	oldest, _ := tracker.parked.Front().Value.(*pending)
	if tracker.parked.Len() != maxParked || len(tracker.groups) != maxParked || oldest.token.Nonce != "2" {
		t.Errorf("%d parked, %d groups, the oldest is %s", tracker.parked.Len(), len(tracker.groups), oldest.token.Nonce)
	}
}

// TestIdleReaders: the readers of lists with headers, which may be those of one call, are
// dropped once nothing has used them for a minute.
func TestIdleReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tracker := New(Config{Lists: noLists{}})
		look := func(headers string) {
			_, _ = tracker.Create(t.Context(), Creation{
				Token: tokenOf(0), List: List{Headers: headers},
				Send: func(context.Context, int, func() error) Answer {
					return Answer{Err: errors.New("lost"), Ambiguous: true, Sent: 1}
				},
			})
		}
		for i := range 5 {
			look(fmt.Sprint(i))
		}
		look("")
		time.Sleep(30 * time.Second)
		look("x")
		if n := len(tracker.rounds.readers); n != 7 {
			t.Errorf("%d readers", n)
		}
		time.Sleep(40 * time.Second)
		look("y")
		if n := len(tracker.rounds.readers); n != 3 { // "", "x" and "y"
			t.Errorf("%d readers after a minute", n)
		}
	})
}
