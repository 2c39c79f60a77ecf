package readback

import (
	"context"
	"log/slog"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

const (
	// listMargin is how far times of lists may be off: Date has whole seconds, and lists
	// may round.
	listMargin = 2 * time.Second
	// narrowEnough is the width of the bounds on the server's clock that allows to tell a
	// record from one that existed before.
	narrowEnough = 300 * time.Millisecond
	// wideEnough is the same for the last read: other programs' equal records of so long
	// before cannot be told apart.
	wideEnough = 3 * time.Second
	// undatedSkew is how far the clock of a server without Date headers may be behind.
	undatedSkew = 26 * time.Hour
	// farAhead is how far in the future the end of a window is that has none.
	farAhead = 366 * 24 * time.Hour
	// maxWindows is how often the window is corrected.
	maxWindows = 3
)

// reading is one read of a list, which several creates share.
type reading struct {
	list       List
	targets    []target
	candidates *candidates
	listed
	from     time.Time     // the start of the window, by the server's clock
	began    time.Time     // of the first request
	ended    time.Time     // of the last response: the list may show what was made until then
	took     time.Duration // of the last read of the window
	older    []shown       // that only the reads of a proof showed
	last     time.Time     // the latest update that a row names
	complete bool          // nothing indicates that the list was cut short
	proven   bool          // it was not
	err      error
}

// read reads a list once, and returns what it shows of each create that waits. prove asks
// whether the list is complete.
func (t *Tracker) read(ctx context.Context, l List, waiters []*pending, prove bool) []*sighting {
	r := reading{list: l, targets: t.targets(waiters)}
	r.candidates = candidatesFor(l.Resource, r.targets)
	sound := t.readWindow(ctx, &r)
	r.noteLast(r.times)
	t.longest.Saw(l.Route, len(r.ids))
	r.complete = sound && r.err == nil && t.hasOwn(&r)
	t.log(ctx, slog.LevelDebug, "read the list to find creates", methodGet, l,
		slog.Int("creates", len(waiters)), slog.Int("rows", len(r.ids)))
	seen := t.weigh(&r)
	if r.complete && prove && t.absenceMatters(waiters, seen) {
		r.proven = t.provenWhole(ctx, &r)
		r.complete = r.proven
		return t.weigh(&r)
	}
	return seen
}

// absenceMatters reports whether a create would be absent if the list were complete.
func (t *Tracker) absenceMatters(waiters []*pending, seen []*sighting) bool {
	for i, p := range waiters {
		if s := seen[i]; s.complete && len(t.alike(p, s)) == 0 {
			return true
		}
	}
	return false
}

// readWindow reads the list from before the earliest create on. An edited record has a later
// updated_at, so the window has no end. It reports whether the window is the right one.
func (t *Tracker) readWindow(ctx context.Context, r *reading) bool {
	// The first response may be the one that shows the server's clock. Then the window was
	// a guess.
	r.from = t.windowStart(r.targets, false)
	for range maxWindows {
		r.began = time.Now()
		for range maxUnusable {
			began := time.Now()
			r.listed, r.err = t.readRows(ctx, r.list, r.from, began.Add(farAhead), r.candidates.of)
			r.ended = time.Now()
			r.took = r.ended.Sub(began)
			if !isUnusable(r.err) {
				break
			}
		}
		if r.err != nil {
			return false
		}
		better := t.windowStart(r.targets, true)
		known := r.list.Resource == match.Contact || better.Sub(r.from) < listMargin // or the rows say it
		if known && !better.Before(r.from) {
			return true
		}
		r.from = better
	}
	return false
}

// noteLast notes the latest of some times of rows.
func (r *reading) noteLast(times []time.Time) {
	for _, at := range times {
		if at.After(r.last) {
			r.last = at
		}
	}
}

// lag returns how far the clock of the records is ahead of the one of the Date header at
// least, as far as the rows show it: their times have passed.
func (r *reading) lag(date bounds) bounds {
	if r.last.IsZero() || !date.known {
		return bounds{}
	}
	return bounds{known: true, low: min(0, r.last.Sub(r.ended)-date.high)}
}

// windowStart is the earliest time at which the record of a create can have been made. If
// responses have shown no clock, a marked record may have been made by any.
func (t *Tracker) windowStart(targets []target, responded bool) (earliest time.Time) {
	for i := range targets {
		x := &targets[i]
		start := t.start(x)
		if responded && x.token.Marker != "" && !t.stamps(x).known {
			start = start.Add(-undatedSkew)
		}
		if x.isContact() { // their times may be by another clock than the Date header
			start = start.Add(-x.skew() - t.precision(time.Time{}))
		}
		if earliest.IsZero() || start.Before(earliest) {
			earliest = start
		}
	}
	return earliest.Add(-listMargin)
}

// weigh returns what the rows of a list say about each create.
func (t *Tracker) weigh(r *reading) []*sighting {
	seen := make([]*sighting, len(r.targets))
	rows, older := r.candidates.sort(r.rows), r.candidates.sort(r.unseen())
	for i := range r.targets {
		x := &r.targets[i]
		clock := t.stamps(x)
		s := &sighting{
			began: r.began, ended: r.ended, took: r.took, err: r.err,
			trusted: clock.known, wide: clock.width(), narrow: clock.width() <= narrowEnough,
		}
		// Nothing is known of a clock that is fast before it shows a time that has passed.
		s.complete = r.complete && !(x.clockless() && x.began.After(r.began))
		s.proven = s.complete && r.proven
		for _, row := range rows[i] {
			t.examine(x, row, r, s)
		}
		t.examineOlder(x, older[i], r, s)
		seen[i] = s
	}
	return seen
}

// unseen returns the rows that only the reads of a proof showed, each once.
func (r *reading) unseen() (rows []shown) {
	seen := map[wire.ID]bool{}
	for _, row := range r.older {
		if id := row.row.ID(); id == "" || !seen[id] {
			seen[id] = true
			rows = append(rows, row)
		}
	}
	return rows
}

// examineOlder adds the rows to a sighting that only the reads of a proof showed. If they
// may be the record, they are not known to be.
func (t *Tracker) examineOlder(x *target, rows []match.Row, r *reading, s *sighting) {
	older := sighting{complete: s.complete, proven: s.proven}
	for _, row := range rows {
		t.examine(x, row, r, &older)
	}
	s.complete, s.proven = older.complete, older.proven
	s.near = append(s.near, older.near...)
	for _, row := range older.exact {
		s.near = append(s.near, row.ID())
	}
}
