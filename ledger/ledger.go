// Package ledger stores what became of creates under a key, in a file or in memory. See
// [growthgenius.Once] and [growthgenius.WithLedger]. It stores the results of lookups in a
// file, too: see [Cache].
//
// A [File] serves all goroutines of one process, and what it stores outlives the process.
// Processes that share a ledger need a database: see the modules sqlstore and redisstore.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/turns"
)

// ErrClosed means that the ledger was closed.
var ErrClosed = errors.New("ledger: closed")

// take waits until a key is free, and holds it.
func take(ctx context.Context, t *turns.Turns, key string) error {
	err := t.Take(ctx, key)
	if err == nil || errors.Is(err, ErrClosed) {
		return err //nolint:wrapcheck // of this package
	}
	return fmt.Errorf("ledger: waiting for the key: %w", err)
}

// store is where the entries of a ledger are kept.
type store interface {
	put(key string, from, to growthgenius.Entry) error
	taken(key string, id scopedID) bool
}

// lease is a lease that lasts as long as the process.
type lease struct {
	turns *turns.Turns
	store store
	key   string
	entry growthgenius.Entry
	ended bool
}

// Entry implements [growthgenius.Lease].
func (l *lease) Entry() growthgenius.Entry { return l.entry }

// Record implements [growthgenius.Lease]. It returns early only if ctx has ended before it
// begins.
func (l *lease) Record(ctx context.Context, e growthgenius.Entry) error {
	if err := ctx.Err(); err != nil {
		return err //nolint:wrapcheck // the caller's own
	}
	if l.ended {
		return growthgenius.ErrLeaseLost
	}
	e.ID = growthgenius.ID(strings.Clone(string(e.ID))) // it may be a part of a whole response
	if err := l.store.put(l.key, l.entry, e); err != nil {
		return err //nolint:wrapcheck // of this package
	}
	l.entry = e
	return nil
}

// Taken reports whether another key of a scope has an id.
func (l *lease) Taken(_ context.Context, scope string, id growthgenius.ID) (bool, error) {
	return l.store.taken(l.key, scopedID{scope, id}), nil
}

// Until implements [growthgenius.Lease].
func (l *lease) Until() time.Time { return time.Time{} }

// Release implements [growthgenius.Lease].
func (l *lease) Release(context.Context) error {
	if !l.ended {
		l.ended = true
		l.turns.Give(l.key)
	}
	return nil
}
