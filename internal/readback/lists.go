package readback

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Lists reads the lists of the API. It is all that this package needs from outside.
type Lists interface {
	// Read calls row for each record of a list that was updated between two times of the
	// server's clock. An error that is a *ReadError says what to do about it.
	Read(ctx context.Context, l List, from, to time.Time, row func(match.Row)) error
}

// List identifies a list of the API. Creates with the same List share its reads. Resource
// and User are always those of a create's token.
type List struct {
	Resource string  // match.Contact or match.Message
	User     wire.ID // the acting user
	Route    string  // for the log
	Headers  string  // of the request, encoded: they may decide which records are listed
}

// ReadError is an error of Lists.Read about which something is known.
type ReadError struct {
	Err   error
	Again bool // the response cannot be used: read again at once
	Final bool // reading again would fail the same way
}

// Error returns the text of Err.
func (e *ReadError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *ReadError) Unwrap() error { return e.Err }

// maxUnusable is how often a list is read whose responses cannot be used.
const maxUnusable = 3

func isUnusable(err error) bool {
	e, ok := errors.AsType[*ReadError](err)
	return ok && e.Again
}

func isFinal(err error) bool {
	e, ok := errors.AsType[*ReadError](err)
	return ok && e.Final
}

// cause returns the error that a ReadError is about.
func cause(err error) error {
	if e, ok := errors.AsType[*ReadError](err); ok {
		return e.Err
	}
	return err
}

// listed is what one read of a list showed.
type listed struct {
	rows  []match.Row // those that may be the outcome of a create
	ids   map[wire.ID]bool
	times []time.Time // when the rows were updated, as far as they say so
}

func (l *listed) add(row match.Row, want func(match.Row) bool) {
	id := row.ID()
	if want(row) && !l.ids[id] {
		l.rows = append(l.rows, row)
	}
	if id == "" {
		return // not a record that this list can be known by
	}
	l.ids[id] = true
	if updated := row.Time("updated_at"); !updated.IsZero() {
		l.times = append(l.times, updated)
	}
}

// readRows reads a list between two times of the server's clock. It keeps the rows that
// want reports to matter, and the ids of all.
func (t *Tracker) readRows(ctx context.Context, l List, from, to time.Time,
	want func(match.Row) bool,
) (listed, error) {
	result := listed{ids: map[wire.ID]bool{}}
	err := t.lists.Read(ctx, l, from, to, func(row match.Row) { result.add(row, want) })
	for _, at := range result.times {
		t.sawTime(at)
	}
	return result, err //nolint:wrapcheck // the adapter's own words
}

// readAgain is readRows, and reads again if the response cannot be used: otherwise all
// creates that wait would have to wait for another round.
func (t *Tracker) readAgain(ctx context.Context, l List, from, to time.Time,
	want func(match.Row) bool,
) (result listed, err error) {
	for range maxUnusable {
		if result, err = t.readRows(ctx, l, from, to, want); !isUnusable(err) {
			break
		}
	}
	return result, err
}

// wanted selects the rows of a list that may be the outcome of a create that waits.
type wanted struct {
	resource string
	targets  []target
	marks    map[string]bool
	markers  map[string]string // marker -> its field
}

func wantedBy(resource string, targets []target) wanted {
	w := wanted{
		resource: resource, targets: targets, marks: map[string]bool{}, markers: map[string]string{},
	}
	for i := range targets {
		x := &targets[i]
		w.marks[x.mark] = true
		if x.token.Marker != "" {
			w.markers[x.token.Marker] = x.token.MarkerField
		}
	}
	return w
}

// row reports whether a row may matter. A create without a mark can only be recognized by
// all of its fields, so every row may matter to it. A row without one may be what is left of
// any create.
func (w wanted) row(row match.Row) bool {
	mark := match.Mark(w.resource, row)
	if w.marks[""] || w.marks[mark] {
		return true
	}
	if mark == "" && slices.ContainsFunc(w.targets, func(x target) bool {
		return match.Compare(w.resource, x.content, row) != match.Unlike
	}) {
		return true
	}
	for marker, field := range w.markers {
		if row.Text(field) == marker {
			return true
		}
	}
	return false
}

// index sorts rows by their mark.
func (w wanted) index(rows []match.Row) index {
	x := index{all: rows, byMark: map[string][]match.Row{}}
	for _, row := range rows {
		mark := match.Mark(w.resource, row)
		x.byMark[mark] = append(x.byMark[mark], row)
	}
	return x
}

// index has rows by their mark.
type index struct {
	all    []match.Row
	byMark map[string][]match.Row
}

// of returns the rows that can be the record that a create makes.
func (x index) of(p *target) []match.Row {
	if p.mark == "" || p.token.Marker != "" {
		return x.all
	}
	return slices.Concat(x.byMark[p.mark], x.byMark[""])
}
