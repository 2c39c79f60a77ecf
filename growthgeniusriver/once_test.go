package growthgeniusriver_test

import (
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniusriver"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// TestOnce: the creates of a job have one key each in all attempts, and other jobs have others.
func TestOnce(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		client := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()))
		inserted := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
		attempt := func(job rivertype.JobRow, name string) growthgenius.ID {
			c, err := client.Contacts.Create(t.Context(), growthgenius.ContactInput{FirstName: growthgenius.Set("Ana")}, growthgeniusriver.Once(&job, name))
			if err != nil {
				t.Fatal(err)
			}
			return c.ID
		}
		first := rivertype.JobRow{ID: 7, Kind: "welcome", CreatedAt: inserted, Attempt: 1}
		second := first
		second.Attempt, second.AttemptedBy, second.CreatedAt = 2, []string{"b"}, inserted.In(time.FixedZone("", 3600))
		seen := map[growthgenius.ID]string{attempt(first, "contact"): "first"}
		if seen[attempt(second, "contact")] == "" || seen[attempt(first, "contact")] == "" {
			t.Error("another attempt of the job created another contact")
		}
		for name, job := range map[string]rivertype.JobRow{
			"another id":               {ID: 8, Kind: "welcome", CreatedAt: inserted},
			"another kind":             {ID: 7, Kind: "import", CreatedAt: inserted},
			"after the ids began anew": {ID: 7, Kind: "welcome", CreatedAt: inserted.Add(time.Microsecond)},
		} {
			id := attempt(job, "contact")
			if before := seen[id]; before != "" {
				t.Errorf("%s: the contact is that of %s", name, before)
			}
			seen[id] = name
		}
		if seen[attempt(first, "company contact")] != "" {
			t.Error("another create of the job returned the same contact")
		}
	})
}
