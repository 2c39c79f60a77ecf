package readback

import (
	"context"
	"errors"
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
	rows  []shown // those that may be the outcome of a create
	ids   map[wire.ID]bool
	times []time.Time // when the rows were updated, as far as they say so
}

func (l *listed) add(row match.Row, candidates func(match.Row) []int) {
	id := row.ID()
	if !l.ids[id] {
		if of := candidates(row); len(of) > 0 {
			l.rows = append(l.rows, shown{row, of})
		}
	}
	if id == "" {
		return // not a record that this list can be known by
	}
	l.ids[id] = true
	if updated := row.Time("updated_at"); !updated.IsZero() {
		l.times = append(l.times, updated)
	}
}

// readRows reads a list between two times of the server's clock. It keeps the rows that have
// candidates, and the ids of all.
func (t *Tracker) readRows(ctx context.Context, l List, from, to time.Time,
	candidates func(match.Row) []int,
) (listed, error) {
	result := listed{ids: map[wire.ID]bool{}}
	err := t.lists.Read(ctx, l, from, to, func(row match.Row) { result.add(row, candidates) })
	for _, at := range result.times {
		t.sawTime(at)
	}
	return result, err //nolint:wrapcheck // the adapter's own words
}

// readAgain is readRows, and reads again if the response cannot be used: otherwise all
// creates that wait would have to wait for another round.
func (t *Tracker) readAgain(ctx context.Context, l List, from, to time.Time,
	candidates func(match.Row) []int,
) (result listed, err error) {
	for range maxUnusable {
		if result, err = t.readRows(ctx, l, from, to, candidates); !isUnusable(err) {
			break
		}
	}
	return result, err
}
