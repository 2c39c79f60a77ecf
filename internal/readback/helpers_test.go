package readback_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/readback"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// desk is a Tracker and the list that it reads, for tests of one thing at a time. Its
// server's clock is that of the bubble.
type desk struct {
	*readback.Tracker
	lists *lists
}

// lists shows the same rows in each read, unless read says otherwise.
type lists struct {
	tracker *readback.Tracker
	undated bool
	read    func(ctx context.Context, n int) error // of read n, from 1

	mu    sync.Mutex // guards what follows
	rows  []match.Row
	times []time.Duration // of the reads
	lists []readback.List
	began time.Time
}

func newDesk(policy readback.Policy, logger *slog.Logger) *desk {
	d := &desk{lists: &lists{began: time.Now()}}
	d.Tracker = readback.New(readback.Config{
		Policy: policy, AttemptTimeout: time.Second, Lists: d.lists, Logger: logger,
	})
	d.lists.tracker = d.Tracker
	return d
}

// Create is that of the Tracker, for a Send that does not say when its request leaves.
func (d *desk) Create(ctx context.Context, c readback.Creation) (match.Row, error) {
	send := c.Send
	c.Send = func(ctx context.Context, sent int, leave func() error) readback.Answer {
		if err := leave(); err != nil {
			return readback.Answer{Err: err, Sent: sent}
		}
		return send(ctx, sent, leave)
	}
	return d.Tracker.Create(ctx, c)
}

func (l *lists) Read(ctx context.Context, list readback.List, from, to time.Time, use func(match.Row)) error {
	l.mu.Lock()
	l.times, l.lists = append(l.times, time.Since(l.began)), append(l.lists, list)
	n := len(l.times)
	l.mu.Unlock()
	if !l.undated {
		l.tracker.Clock().Observe(time.Now(), time.Now(), time.Now().Truncate(time.Second))
	}
	if l.read != nil {
		if err := l.read(ctx, n); err != nil {
			return err
		}
	}
	l.mu.Lock()
	rows := l.rows // what is there at the end of the read
	l.mu.Unlock()
	for _, row := range rows {
		if at := row.Time("updated_at"); at.IsZero() || !at.Before(from) && !at.After(to) {
			use(row)
		}
	}
	return nil
}

// show adds a contact that was made now.
func (l *lists) show(t *testing.T, id string) match.Row {
	t.Helper()
	return l.showText(t, `{"id":`+id+`,"email":"ada@example.com","created_at":"NOW","updated_at":"NOW"}`)
}

func (l *lists) showText(t *testing.T, text string) match.Row {
	t.Helper()
	row := rowOf(t, text)
	for field, raw := range row {
		if string(raw) == `"NOW"` {
			row[field] = json.RawMessage(time.Now().UTC().Format(`"` + time.RFC3339Nano + `"`))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows = append(l.rows, row)
	return row
}

func (l *lists) reads() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.times
}

func rowOf(t *testing.T, text string) match.Row {
	t.Helper()
	var row match.Row
	if err := wire.Unmarshal([]byte(text), &row); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return row
}

// creation is a create of an equal contact each time, whose response is lost.
func (d *desk) creation() readback.Creation {
	return readback.Creation{
		Token: d.NewToken(match.Contact, "1", json.RawMessage(`{"email":"ada@example.com"}`)),
		List:  readback.List{Route: "/contacts"},
		Send:  lost,
	}
}

func lost(_ context.Context, sent int, _ func() error) readback.Answer {
	return readback.Answer{Err: errLost, Ambiguous: true, Sent: sent + 1}
}

// carriedOut is lost, but carries the create out first.
func (d *desk) carriedOut(t *testing.T, id string) func(context.Context, int, func() error) readback.Answer {
	t.Helper()
	return func(ctx context.Context, sent int, _ func() error) readback.Answer {
		d.lists.show(t, id)
		return lost(ctx, sent, nil)
	}
}

// unknown is the error of a create whose outcome is unknown.
func unknown(t *testing.T, err error) *readback.UnknownError {
	t.Helper()
	e, ok := errors.AsType[*readback.UnknownError](err)
	if !ok {
		t.Fatalf("want an unknown outcome, got %v", err)
	}
	return e
}
