package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/leases"
)

// The rows of keys that are released and have no entry are deleted. lease_until and stored_at
// are milliseconds since 1970. scope and id are null unless they belong to one key only.
const createLedger = `CREATE TABLE IF NOT EXISTS growthgenius_ledger (
	entry_key {blob} NOT NULL PRIMARY KEY,
	holder TEXT NOT NULL,
	lease_until BIGINT NOT NULL,
	scope {blob},
	id {blob},
	is_open SMALLINT NOT NULL DEFAULT 0,
	data TEXT NOT NULL DEFAULT '',
	stored_at BIGINT NOT NULL DEFAULT 0,
	UNIQUE (scope, id))`

// LedgerOptions are the settings of a ledger. A zero field means its default.
type LedgerOptions struct {
	// Lease is how long the lease on a key lasts after the process that has it died. A
	// process that lives renews its leases after a third of it. It should be at least three
	// times the attempt timeout of the clients. Default 90s, and at least 100ms.
	Lease time.Duration
}

// Ledger returns a ledger: see [growthgenius.WithLedger]. One is enough for a process. Clients of
// different accounts must not share a ledger, nor a database: their keys and ids could be equal.
//
// Leases go by the clock of the database. If that is set forward, leases end early: their
// holders notice when they renew them.
func (s *Store) Ledger(o LedgerOptions) growthgenius.Ledger {
	return leases.New(backend{s}, leases.Options{Name: "sqlstore", Lease: o.Lease})
}

// PurgeLedger removes the entries that were stored before a time and whose ID is known, and
// returns how many. A create under such a key creates again. Entries without an ID, whose
// outcome is open, and those of keys that are in use stay.
func (s *Store) PurgeLedger(ctx context.Context, before time.Time) (int64, error) {
	n, err := s.exec(ctx, `DELETE FROM growthgenius_ledger
		WHERE stored_at < $1 AND is_open = 0 AND lease_until <= {now}`, before.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("sqlstore: purging the ledger: %w", err)
	}
	return n, nil
}

// backend implements [leases.Backend].
type backend struct{ store *Store }

// Acquire is one statement, unless another holder has the key. A holder that asks again, since
// the driver has lost the first response, has the key.
func (b backend) Acquire(ctx context.Context, key, holder string, lasts time.Duration) (got leases.Acquired, err error) {
	data, err := query(ctx, b.store, scan[[]byte],
		`INSERT INTO growthgenius_ledger AS l (entry_key, holder, lease_until) VALUES ($1, $2, {now} + $3)
		ON CONFLICT (entry_key) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
		WHERE l.lease_until <= {now} OR l.holder = excluded.holder
		RETURNING data`, []byte(key), holder, milliseconds(lasts))
	if err != nil {
		return got, err
	}
	if len(data) > 0 {
		return leases.Acquired{Held: true, Data: data[0]}, nil
	}
	left, err := query(ctx, b.store, scan[int64],
		`SELECT lease_until - {now} FROM growthgenius_ledger WHERE entry_key = $1`, []byte(key))
	got.Left = time.Millisecond // if it was released meanwhile
	if len(left) > 0 {
		got.Left *= time.Duration(max(left[0], 0) + 1)
	}
	return got, err
}

// milliseconds returns the length of a lease for the clock of the database, which rounds the
// times at which the lease begins and ends. The lease is not shorter than d.
func milliseconds(d time.Duration) int64 { return d.Milliseconds() + 2 }

// maxRenewed is how many leases one statement renews: databases limit its parameters.
const maxRenewed = 400

// Renew implements [leases.Backend].
func (b backend) Renew(ctx context.Context, held []leases.Held, lasts time.Duration) (holders []string, err error) {
	for len(held) > 0 && err == nil {
		n := min(len(held), maxRenewed)
		args := []any{milliseconds(lasts)}
		var pairs []string
		for _, h := range held[:n] {
			args = append(args, []byte(h.Key), h.Holder)
			pairs = append(pairs, fmt.Sprintf("(entry_key = $%d AND holder = $%d)", len(args)-1, len(args)))
		}
		var some []string
		some, err = query(ctx, b.store, scan[string], `UPDATE growthgenius_ledger SET lease_until = {now} + $1
			WHERE `+strings.Join(pairs, " OR ")+` RETURNING holder`, args...)
		holders = append(holders, some...)
		held = held[n:]
	}
	return holders, err
}

// Record implements [leases.Backend].
func (b backend) Record(ctx context.Context, key, holder string, v leases.Value) error {
	var scope, id []byte
	if v.ID != "" {
		scope, id = []byte(v.Scope), []byte(v.ID)
	}
	open := 0
	if v.Open {
		open = 1
	}
	n, err := b.store.exec(ctx, `UPDATE growthgenius_ledger
		SET scope = $3, id = $4, is_open = $5, data = $6, stored_at = {now}
		WHERE entry_key = $1 AND holder = $2`, []byte(key), holder, scope, id, open, string(v.Data))
	switch {
	case err == nil && n == 0:
		return growthgenius.ErrLeaseLost
	case err != nil && unique(err):
		return growthgenius.ErrIDTaken
	}
	return err
}

// Taken implements [leases.Backend].
func (b backend) Taken(ctx context.Context, key, scope, id string) (bool, error) {
	found, err := query(ctx, b.store, scan[int],
		`SELECT 1 FROM growthgenius_ledger WHERE scope = $1 AND id = $2 AND entry_key <> $3`,
		[]byte(scope), []byte(id), []byte(key))
	return len(found) > 0, err
}

// Release implements [leases.Backend].
func (b backend) Release(ctx context.Context, key, holder string) error {
	empty, err := query(ctx, b.store, scan[bool],
		`UPDATE growthgenius_ledger SET holder = '', lease_until = 0
		WHERE entry_key = $1 AND holder = $2 RETURNING data = ''`, []byte(key), holder)
	if err == nil && len(empty) > 0 && empty[0] {
		_, err = b.store.exec(ctx, `DELETE FROM growthgenius_ledger
			WHERE entry_key = $1 AND holder = '' AND data = ''`, []byte(key))
	}
	return err
}
