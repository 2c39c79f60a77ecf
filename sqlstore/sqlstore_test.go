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

// TestNotMigrated: what is missing is said.
func TestNotMigrated(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s := sqlstore.New(d.connect(t), d.dialect)
		_, err := s.Ledger(sqlstore.LedgerOptions{}).Acquire(t.Context(), "key")
		if err == nil || !strings.Contains(err.Error(), "growthgenius_ledger") || !strings.HasPrefix(err.Error(), "sqlstore: acquiring the key: ") {
			t.Errorf("Acquire without tables: %v", err)
		}
		other := sqlstore.New(d.connect(t), "MySQL")
		if err := other.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), `"MySQL" is not a valid Dialect`) {
			t.Errorf("Migrate of another dialect: %v", err)
		}
	})
}
