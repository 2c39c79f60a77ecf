package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// TestFeed: a change becomes exactly one job, although several feeders read it at once, and the
// list shows it again.
func TestFeed(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	db, err := openSQLite(t.Context(), filepath.Join(t.TempDir(), "fleet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	inserter, err := river.NewClient(db.driver, &river.Config{})
	if err != nil {
		t.Fatal(err)
	}
	feeders := make([]feeder[*sql.Tx], 4)
	for i := range feeders {
		feeders[i] = feeder[*sql.Tx]{db: db, client: srv.Client(), jobs: inserter, lag: time.Millisecond}
	}
	if err := feeders[0].begin(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	// read has all feeders read at once. At least one of them has to succeed.
	read := func(want int, why string) {
		t.Helper()
		time.Sleep(1100 * time.Millisecond) // the server's clock is known by its Date headers, which have seconds
		errs := make([]error, len(feeders))
		var all sync.WaitGroup
		for i := range feeders {
			all.Go(func() { errs[i] = feeders[i].read(t.Context()) })
		}
		all.Wait()
		failed := 0
		for _, err := range errs {
			if err != nil {
				failed++
			}
		}
		var jobs int
		if err := db.sql.QueryRowContext(t.Context(), `SELECT count(*) FROM river_job`).Scan(&jobs); err != nil {
			t.Fatal(err)
		}
		if failed == len(feeders) || jobs != want {
			t.Errorf("%s: %d feeders failed, and there are %d jobs, want %d", why, failed, jobs, want)
		}
	}
	for i := range 20 {
		srv.AddContacts(growthgenius.Contact{LastName: fmt.Sprint(i), Email: fmt.Sprintf("person%d@example.com", i)})
	}
	old := srv.AddContacts(growthgenius.Contact{
		Email: "old@example.com", CreatedAt: time.Now().Add(-2 * time.Hour), UpdatedAt: time.Now(),
	})[0]
	whole := srv.AddContacts(growthgenius.Contact{Email: "whole@example.com", Title: "CTO", CompanyName: "Example Ltd"})[0]
	read(20, "new contacts")
	read(20, "the same again")
	if id, err := contactOf(t.Context(), db.sql, "Old@Example.com"); err != nil || id != old.ID {
		t.Errorf("the contact that was created before: %v, %v", id, err)
	}
	client := srv.Client()
	for _, id := range []growthgenius.ID{srv.Contacts()[0].ID, old.ID, whole.ID} {
		if _, err := client.Contacts.Update(t.Context(), id, growthgenius.ContactInput{City: growthgenius.Set("Porto")}); err != nil {
			t.Fatal(err)
		}
	}
	read(21, "a contact that was changed and has blanks")
	if _, err := db.sql.ExecContext(t.Context(), `UPDATE fleet_feed SET checkpoint = '1970-01-01T00:00:00Z'`); err != nil {
		t.Fatal(err)
	}
	read(21, "all again")
}
