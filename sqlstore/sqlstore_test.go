package sqlstore_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// TestMigrate: any number of processes may migrate at a time, and again.
func TestMigrate(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		var group sync.WaitGroup
		for range 8 {
			s := sqlstore.New(d.connect(t), d.dialect)
			group.Go(func() {
				for range 2 {
					if err := s.Migrate(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		if n, err := sqlstore.New(d.connect(t), d.dialect).PurgeCache(t.Context()); err != nil || n != 0 {
			t.Errorf("PurgeCache: got %d, %v", n, err)
		}
	})
}

// TestNotMigrated: without tables, each part of a store fails with an error that names its
// table and says what to do.
func TestNotMigrated(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		db := d.connect(t)
		db.SetMaxOpenConns(1) // so that a release in the background opens no other one while the test ends
		s := sqlstore.New(db, d.dialect)
		for table, call := range map[string]func() error{
			"growthgenius_ledger": func() error {
				_, err := s.Ledger(sqlstore.LedgerOptions{}).Acquire(t.Context(), "key")
				return err
			},
			"growthgenius_cache": func() error {
				_, _, err := s.Cache().Get(t.Context(), "key")
				return err
			},
			"growthgenius_limiter": func() error { return s.Limiter(sqlstore.LimiterOptions{PerSecond: 100}).Wait(t.Context()) },
		} {
			err := call()
			for _, want := range []string{"sqlstore: ", table, "call Store.Migrate first"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("without tables, want %q: %v", want, err)
				}
			}
		}
		other := sqlstore.New(d.connect(t), "MySQL")
		if err := other.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), `"MySQL" is not a valid Dialect`) {
			t.Errorf("Migrate of another dialect: %v", err)
		}
	})
}
