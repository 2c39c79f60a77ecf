package sqlstore_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/leases"
	"github.com/growthgenius/growthgenius-go/ledger/ledgertest"
	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// process is a ledger as one process has it.
type process struct {
	growthgenius.Ledger
	db  *sql.DB
	way *way
}

// way is the way to the store, which may be closed for a time.
type way struct {
	leases.Backend
	mu sync.RWMutex // Lock closes the way
}

func (w *way) Acquire(ctx context.Context, key, holder string, lasts time.Duration) (leases.Acquired, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.Backend.Acquire(ctx, key, holder, lasts)
}

func (w *way) Renew(ctx context.Context, held []leases.Held, lasts time.Duration) ([]string, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.Backend.Renew(ctx, held, lasts)
}

func (w *way) Record(ctx context.Context, key, holder string, v leases.Value) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.Backend.Record(ctx, key, holder, v)
}

func TestLedger(t *testing.T) {
	t.Parallel()
	const lease = 1500 * time.Millisecond
	for _, dialect := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			ledgertest.Run(t, func(t *testing.T) ledgertest.Store {
				d := empty(t, dialect)
				d.store(t)
				return ledgertest.Store{
					Open: func(t *testing.T) growthgenius.Ledger {
						db, w := d.connect(t), &way{}
						l := sqlstore.New(db, dialect).LedgerThrough(func(b leases.Backend) leases.Backend {
							w.Backend = b
							return w
						}, leases.Options{Name: "sqlstore", Lease: lease})
						return process{l, db, w}
					},
					Kill: func(_ *testing.T, l growthgenius.Ledger) { _ = l.(process).db.Close() },
					Suspend: func(_ *testing.T, l growthgenius.Ledger) (resume func()) {
						w := l.(process).way
						w.mu.Lock()
						return w.mu.Unlock
					},
					Takeover: lease,
				}
			})
		})
	}
}
