package readback_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/readback"
)

// TestBrokenGuess: the first responses of a list show the server's clock, and break off. The
// window that is read then is not the one that was guessed.
func TestBrokenGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &behind{}
		tr := readback.New(readback.Config{Policy: readback.Policy{Settle: sec, Disabled: true}, AttemptTimeout: sec, Lists: f})
		f.tr = tr
		tok := tr.NewToken(match.Contact, "1", json.RawMessage(`{"email":"ada@example.com"}`))
		ctx, cancel := context.WithCancel(t.Context())
		_, err := tr.Create(ctx, readback.Creation{Token: tok, Send: func(context.Context, int, func() error) readback.Answer {
			at := time.Now().Add(-time.Hour).UTC().Format(`"` + time.RFC3339Nano + `"`)
			f.row = rowOf(t, `{"id":7,"email":"ada@example.com","created_at":`+at+`,"updated_at":`+at+`}`)
			cancel()
			return readback.Answer{Err: errLost, Ambiguous: true, Sent: 1}
		}})
		time.Sleep(10 * sec)
		e := unknown(t, err)
		_, err = tr.Resolve(t.Context(), e.Token, readback.List{})
		if err != nil {
			t.Errorf("it is there, and resolved as %v", err)
		}
	})
}

// behind is a list on a server an hour behind, whose first two responses break off.
type behind struct {
	tr  *readback.Tracker
	row match.Row
	n   int
}

func (b *behind) Read(_ context.Context, _ readback.List, from, to time.Time, use func(match.Row)) error {
	b.n++
	time.Sleep(10 * ms)
	now := time.Now()
	b.tr.Clock().Observe(now.Add(-10*ms), now, now.Add(-time.Hour).Truncate(sec))
	if b.n <= 2 {
		return &readback.ReadError{Err: errLost, Again: true}
	}
	if at := b.row.Time("updated_at"); !at.Before(from) && !at.After(to) {
		use(b.row)
	}
	return nil
}
