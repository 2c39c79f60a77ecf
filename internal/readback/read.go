package readback

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
)

const (
	// listMargin is how far times of lists may be off: Date has whole seconds, and lists
	// may round.
	listMargin = 2 * time.Second
	// narrowEnough is the width of the bounds on the server's clock that allows to tell a
	// record from one that existed before.
	narrowEnough = 300 * time.Millisecond
)

// reading is one read of a list, which several creates share.
type reading struct {
	list    List
	targets []target
	wanted  wanted
	prove   bool // whether the list is complete
	listed
	from     time.Time // the start of the window, by the server's clock
	until    time.Time // what was made later need not be in the list
	began    time.Time
	older    []match.Row // of just before the window, for messages
	trusted  bool        // the server's clock is known
	complete bool        // nothing indicates that the list was cut short
	err      error
}

// read reads a list once, and returns what it shows of each create that waits.
func (t *Tracker) read(ctx context.Context, l List, waiters []*pending, prove bool) []*sighting {
	r := reading{list: l, targets: t.targets(waiters), prove: prove}
	r.wanted = wantedBy(l.Resource, r.targets)
	t.readWindow(ctx, &r)
	b := t.clock.bounds()
	r.trusted = b.known
	r.until = r.began.Round(0).Add(b.low - listMargin)
	r.complete = r.err == nil && b.known && t.hasOwn(&r)
	if r.complete && prove {
		r.complete = t.provenComplete(ctx, &r)
	}
	t.log(ctx, slog.LevelDebug, "read the list to find creates", methodGet, l,
		slog.Int("creates", len(waiters)), slog.Int("rows", len(r.ids)))
	if r.complete && prove && l.Resource == match.Message {
		t.readOlder(ctx, &r)
	}
	return t.weigh(&r)
}

// readWindow reads the list from before the earliest create on. An edited record has a later
// updated_at, so the window has no end.
func (t *Tracker) readWindow(ctx context.Context, r *reading) {
	r.from = t.windowStart(r.targets)
	// The first response may be the one that shows the server's clock. Then the window was
	// a guess.
	for range maxUnusable {
		r.began = time.Now()
		r.listed, r.err = t.readRows(ctx, r.list, r.from, r.began.AddDate(1, 0, 0), r.wanted.row)
		if isUnusable(r.err) {
			continue
		}
		if r.err != nil {
			return
		}
		better := t.windowStart(r.targets)
		if !better.Before(r.from) {
			return
		}
		r.from = better
	}
}

// windowStart is the earliest time at which the record of a create can have been made.
func (t *Tracker) windowStart(targets []target) (earliest time.Time) {
	for i := range targets {
		x := &targets[i]
		start := x.serverStart(&t.clock)
		if x.isContact() { // created_at may be by another clock than the Date header
			start = start.Add(-x.skew())
		}
		if earliest.IsZero() || start.Before(earliest) {
			earliest = start
		}
	}
	return earliest.Add(-listMargin)
}

// readOlder reads the messages of just before the window. Messages do not say when they were
// made, so these may be by a clock that is behind the one of the Date header.
func (t *Tracker) readOlder(ctx context.Context, r *reading) {
	skew := time.Duration(0)
	for i := range r.targets {
		skew = max(skew, r.targets[i].skew())
	}
	older, err := t.readAgain(ctx, r.list, r.from.Add(-skew), r.from, r.wanted.row)
	r.older, r.err = older.rows, err
	r.complete = err == nil
}

// weigh returns what the rows of a list say about each create.
func (t *Tracker) weigh(r *reading) []*sighting {
	seen := make([]*sighting, len(r.targets))
	byMark := r.wanted.index(r.rows)
	for i := range r.targets {
		x := &r.targets[i]
		s := &sighting{began: r.began, err: r.err, trusted: r.trusted}
		s.narrow = x.ahead(&t.clock).width() <= narrowEnough
		s.complete = r.complete && t.covers(r, x)
		candidates := r.rows
		if x.mark != "" && x.token.Marker == "" {
			candidates = slices.Concat(byMark[x.mark], byMark[""])
		}
		for _, row := range candidates {
			t.examine(x, row, s)
		}
		for _, row := range r.older {
			if !r.ids[row.ID()] && match.Compare(x.token.Resource, x.content, row) != match.Unlike {
				s.near = append(s.near, row.ID())
			}
		}
		seen[i] = s
	}
	return seen
}

// covers reports whether a complete list must have the record of a create, if there is one.
func (t *Tracker) covers(r *reading, x *target) bool {
	if x.clockless() && x.began.After(r.began) {
		return false // its clock is fast, and it is not known by how much
	}
	return !r.prove || len(r.ids) == 0 || !r.until.Before(x.serverEnd(&t.clock))
}
