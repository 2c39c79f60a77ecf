package sqlstore_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// TestOperations: the statements of docs/operations.md remove what the ledger has of a person,
// and nothing else.
func TestOperations(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	onEach(t, func(t *testing.T, d database) {
		block := regexp.MustCompile("(?ms)^```sql\r?\n-- " + string(d.dialect) + "\r?\n(.*?)^```").FindSubmatch(page)
		if block == nil {
			t.Fatal("the page has no statement")
		}
		db := d.connect(t)
		l := d.store(t).Ledger(sqlstore.LedgerOptions{})
		srv := growthgeniustest.NewServer(t)
		client := srv.Client(growthgenius.WithLedger(l))
		for key, address := range map[string]string{"1": "Ada@example.com", "2": "bob@example.com"} {
			in := growthgenius.ContactInput{Email: growthgenius.Set(address)}
			if _, err := client.Contacts.Create(t.Context(), in, growthgenius.Once(key)); err != nil {
				t.Fatal(err)
			}
		}
		hold := func(key string) growthgenius.Lease {
			lease, err := l.Acquire(t.Context(), key)
			if err == nil {
				err = lease.Record(t.Context(), growthgenius.Entry{Note: []byte(`1`)})
			}
			if err != nil {
				t.Fatal(err)
			}
			return lease
		}
		_ = hold("of ADA@Example.com").Release(t.Context())
		used := hold("held for ada@example.com")
		run := func(want ...string) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), string(block[1])); err != nil {
				t.Fatal(err)
			}
			rows, err := db.QueryContext(t.Context(), `SELECT entry_key FROM growthgenius_ledger`)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = rows.Close() }()
			var left []string
			for rows.Next() {
				var key []byte
				if err := rows.Scan(&key); err != nil {
					t.Fatal(err)
				}
				left = append(left, string(key))
			}
			slices.Sort(left)
			if err := rows.Err(); err != nil || !slices.Equal(left, want) {
				t.Errorf("%v: left are %q, want %q", err, left, want)
			}
		}
		run("contact/2", "held for ada@example.com")
		_ = used.Release(t.Context())
		run("contact/2")
	})
}
