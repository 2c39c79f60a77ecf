package sqlstore_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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

// store records an entry, and releases the key unless keep is set.
func store(t *testing.T, l growthgenius.Ledger, key string, e growthgenius.Entry, keep bool) {
	t.Helper()
	lease, err := l.Acquire(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if !keep {
		if err := lease.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Cleanup(func() { _ = lease.Release(context.Background()) }) //nolint:usetesting // that of the test has ended
}

// rows returns the keys that have a row, in their order.
func (d database) rows(t *testing.T) []string {
	t.Helper()
	rows, err := d.connect(t).QueryContext(t.Context(), "SELECT entry_key FROM growthgenius_ledger ORDER BY entry_key")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		var key []byte
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(key))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestPurgeLedger: settled keys go, and open ones and those in use stay.
func TestPurgeLedger(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s := d.store(t)
		l := s.Ledger(sqlstore.LedgerOptions{})
		var token growthgenius.CreateToken
		err := json.Unmarshal([]byte(`{"version":1,"nonce":"N","resource":"contact","user_id":7,"content":{"a":"b"},"started":"2026-01-02T03:04:05Z"}`), &token)
		if err != nil {
			t.Fatal(err)
		}
		store(t, l, "done", growthgenius.Entry{Scope: "contact", ID: "1", Token: &token}, false)
		store(t, l, "in use", growthgenius.Entry{Scope: "contact", ID: "2"}, true)
		store(t, l, "note", growthgenius.Entry{Note: json.RawMessage("1")}, false)
		store(t, l, "open", growthgenius.Entry{Scope: "contact", Token: &token}, false)
		if n, err := s.PurgeLedger(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 0 {
			t.Errorf("before an hour ago: %d, %v", n, err)
		}
		if n, err := s.PurgeLedger(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 2 {
			t.Errorf("before now: %d, %v", n, err)
		}
		if got, want := d.rows(t), []string{"in use", "open"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestContextEnds: a call that waits for a lock in the database ends with its context.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s := d.store(t)
		l := s.Ledger(sqlstore.LedgerOptions{})
		held, err := l.Acquire(t.Context(), "held")
		if err != nil {
			t.Fatal(err)
		}
		locking, err := d.connect(t).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer locking.Close()
		lock := "BEGIN; LOCK TABLE growthgenius_ledger, growthgenius_cache"
		if d.dialect == sqlstore.SQLite {
			lock = "BEGIN EXCLUSIVE"
		}
		if _, err := locking.ExecContext(t.Context(), lock); err != nil {
			t.Fatal(err)
		}
		for name, call := range map[string]func(ctx context.Context) error{
			"Acquire":     func(ctx context.Context) error { _, err := l.Acquire(ctx, "key"); return err },
			"Record":      func(ctx context.Context) error { return held.Record(ctx, growthgenius.Entry{ID: "1"}) },
			"Set":         func(ctx context.Context) error { return s.Cache().Set(ctx, "key", nil, time.Hour) },
			"PurgeLedger": func(ctx context.Context) error { _, err := s.PurgeLedger(ctx, time.Now()); return err },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			begun := time.Now()
			err := call(ctx)
			if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took > 2*time.Second {
				t.Errorf("%s: %v after %v", name, err, took)
			}
			cancel()
		}
		if _, err := locking.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestPostgresSettings: the ledger works however pgx sends its statements, which poolers limit,
// and whatever the default isolation of transactions is.
func TestPostgresSettings(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		"default_query_exec_mode=exec", "default_query_exec_mode=simple_protocol", "default_query_exec_mode=cache_describe",
		"default_transaction_isolation=serializable",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			d := empty(t, sqlstore.Postgres)
			d.dsn += "&" + setting
			a, b := d.store(t).Ledger(sqlstore.LedgerOptions{}), d.store(t).Ledger(sqlstore.LedgerOptions{})
			var group sync.WaitGroup
			const each = 10
			for i, l := range []growthgenius.Ledger{a, b, a, b} {
				group.Go(func() {
					for n := range each {
						lease, err := l.Acquire(t.Context(), "key\x00\\")
						if err != nil {
							t.Error(err)
							return
						}
						var notes []int
						if note := lease.Entry().Note; note != nil {
							_ = json.Unmarshal(note, &notes)
						}
						note, _ := json.Marshal(append(notes, i*each+n))
						id := growthgenius.IntID(int64(i*each + n))
						if err := lease.Record(t.Context(), growthgenius.Entry{Scope: "contact", ID: id, Note: note}); err != nil {
							t.Error(err)
						}
						if err := lease.Release(t.Context()); err != nil {
							t.Error(err)
						}
						store(t, l, fmt.Sprint("key ", i*each+n), growthgenius.Entry{Scope: "contact", ID: "x" + id}, false)
					}
				})
			}
			group.Wait()
			lease, err := a.Acquire(t.Context(), "key\x00\\")
			if err != nil {
				t.Fatal(err)
			}
			var notes []int
			if err := json.Unmarshal(lease.Entry().Note, &notes); err != nil || len(notes) != 4*each {
				t.Errorf("%d notes of %d, %v", len(notes), 4*each, err)
			}
			_ = lease.Release(t.Context())
		})
	}
}

// TestLongKey: a key may have 2,600 bytes, which cannot be compressed.
func TestLongKey(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		key := make([]byte, 2600)
		_, _ = rand.NewChaCha8([32]byte{}).Read(key)
		store(t, d.store(t).Ledger(sqlstore.LedgerOptions{}), string(key), growthgenius.Entry{Scope: "contact", ID: "1"}, false)
		if got := d.rows(t); len(got) != 1 || got[0] != string(key) {
			t.Errorf("got %d rows", len(got))
		}
	})
}

// TestHolders: a holder that asks again has the key, all of many leases are renewed, and what
// is not a holder's is neither renewed nor released.
func TestHolders(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		var b leases.Backend
		d.store(t).LedgerThrough(func(inner leases.Backend) leases.Backend { b = inner; return inner }, leases.Options{})
		acquire := func(key, holder string) leases.Acquired {
			t.Helper()
			got, err := b.Acquire(t.Context(), key, holder, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		var held []leases.Held
		for i := range 900 {
			h := leases.Held{Key: fmt.Sprint("key ", i), Holder: fmt.Sprint("holder ", i)}
			held = append(held, h)
			if got := acquire(h.Key, h.Holder); !got.Held {
				t.Fatalf("got %+v", got)
			}
		}
		if got := acquire("key 0", "holder 0"); !got.Held {
			t.Errorf("again: got %+v", got)
		}
		if got := acquire("key 0", "another"); got.Held || got.Left < 50*time.Second || got.Left > time.Minute+10*time.Millisecond {
			t.Errorf("another holder: got %+v", got)
		}
		renewed, err := b.Renew(t.Context(), append(held, leases.Held{Key: "key 0", Holder: "another"}, leases.Held{Key: "none", Holder: "another"}), time.Minute)
		if err != nil || len(renewed) != len(held) || slices.Contains(renewed, "another") {
			t.Errorf("%d of %d leases were renewed, %v", len(renewed), len(held), err)
		}
		if err := b.Release(t.Context(), "key 0", "another"); err != nil {
			t.Error(err)
		}
		if got := acquire("key 0", "another"); got.Held {
			t.Error("another holder has released the key")
		}
	})
}
