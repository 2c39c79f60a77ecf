package growthgenius

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Errors of a [Ledger].
var (
	// ErrIDTaken means that the ledger has the id under another key.
	ErrIDTaken = errors.New("the record belongs to another key")
	// ErrKeyReused means that a key of [Once] was used before for another record.
	ErrKeyReused = errors.New("the key was used for another record")
	// ErrKeyDeleted means that the record of a key of [Once] was deleted.
	ErrKeyDeleted = errors.New("the record of the key was deleted")
	// ErrLeaseLost means that the lease on a key ended before the call did, for example
	// because the process was suspended. Call again: whatever was sent is resolved first.
	ErrLeaseLost = errors.New("the lease on the key was lost")
)

// Ledger stores what became of creates under a key: see [Once] and [ContactsService.Upsert].
// Package ledger has one in a file and one in memory, and modules of their own have one for
// SQL databases and one for Redis. Package ledger/ledgertest tests any other.
//
// A Ledger is safe for concurrent use by several goroutines.
type Ledger interface {
	// Acquire returns a lease on a key, so that no other caller of any process that shares
	// the ledger has one on it. It waits while another holder has one, until ctx ends. If
	// the holder's process has died, its lease ends by itself.
	Acquire(ctx context.Context, key string) (Lease, error)
}

// Lease is the sole right to a key for a time.
//
// It may have one more method, Taken(ctx, scope, id) (bool, error), which reports whether
// another key of a scope has an ID. Then a create that was begun under a key can be told from
// equal ones whose records belong to other keys.
type Lease interface {
	// Entry returns what is stored under the key, or the zero Entry for nothing.
	Entry() Entry
	// Record stores an entry in place of the former one. If it returns nil, the entry is as
	// durable as the ledger can make it. The zero Entry removes what is stored. The error
	// matches [ErrIDTaken] if another key of the same Scope has the ID, and [ErrLeaseLost]
	// if the lease has ended.
	Record(ctx context.Context, e Entry) error
	// Until is when the lease ends if it is not released, by this machine's clock. The zero
	// time means that it lasts as long as the process.
	Until() time.Time
	// Release ends the lease. It is called once, also if ctx has ended.
	Release(ctx context.Context) error
}

// Entry is what a Ledger stores under a key. It holds the content of the create, and thereby
// personal data, but never the API key.
type Entry struct {
	// Scope names the entries among which an ID belongs to one key only. If it is empty,
	// any number of keys may have the ID.
	Scope string `json:"scope,omitzero"`
	// ID is that of the record. It is empty as long as the outcome is not known.
	ID ID `json:"id,omitzero"`
	// Token is that of the create. It is nil as long as nothing was sent.
	Token *CreateToken `json:"token,omitzero"`
	// Note is the caller's own. Upserts keep there for which user a contact was created.
	Note json.RawMessage `json:"note,omitzero"`
}

// IsZero reports whether the entry stores nothing.
func (e Entry) IsZero() bool {
	return e.Scope == "" && e.ID == "" && e.Token == nil && e.Note == nil
}

// releaseTimeout bounds what is left to do in the ledger when the context of a call has
// ended.
const releaseTimeout = 5 * time.Second

// record stores an entry, also if ctx has ended.
func record(ctx context.Context, lease Lease, e Entry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := lease.Record(ctx, e); err != nil {
		return fmt.Errorf("storing it in the ledger: %w", err)
	}
	return nil
}

// release ends a lease, also if ctx has ended.
func release(ctx context.Context, lease Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	_ = lease.Release(ctx) // it ends by itself otherwise
}

// held returns an error unless a lease lasts until a request that is sent now has ended.
func held(lease Lease, attemptTimeout time.Duration) error {
	until := lease.Until()
	if left := time.Until(until); !until.IsZero() && left < attemptTimeout {
		return fmt.Errorf("%w: it has %v left, and a request may take %v: call again", ErrLeaseLost, max(0, left), attemptTimeout)
	}
	return nil
}
