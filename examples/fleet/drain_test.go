//go:build unix

package main

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// TestDrain: all is done when the feed has read what the last job has changed, whatever happens
// between two looks at the tables.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		seen []progress
		done bool
	}{
		"nothing to do": {[]progress{
			{begun: 1, whole: 1, latest: "5", checkpoint: "3"},
			{begun: 2, whole: 2, latest: "7", checkpoint: "5"},
			{begun: 3, whole: 3, latest: "9", checkpoint: "7"},
		}, true},
		"a read that began before": {[]progress{
			{begun: 2, whole: 1, latest: "5", checkpoint: "3"},
			{begun: 2, whole: 2, latest: "7", checkpoint: "9"},
		}, false},
		"a read of the time before": {[]progress{
			{begun: 1, whole: 1, latest: "5", checkpoint: "3"},
			{begun: 2, whole: 2, latest: "7", checkpoint: "6"},
		}, false},
		"a job is left": {[]progress{
			{begun: 1, whole: 1, latest: "5", checkpoint: "3"},
			{begun: 2, whole: 2, latest: "7", checkpoint: "5"},
			{begun: 3, whole: 3, latest: "9", checkpoint: "7", open: 1},
		}, false},
		"a job was left": {[]progress{
			{begun: 1, whole: 1, latest: "5", checkpoint: "3"},
			{begun: 2, whole: 2, latest: "7", checkpoint: "5"},
			{begun: 3, whole: 3, latest: "9", checkpoint: "7", open: 1},
			{begun: 4, whole: 3, latest: "9", checkpoint: "8"},
		}, false},
		"a job that was not seen": {[]progress{
			{begun: 1, whole: 1, latest: "5", checkpoint: "3"},
			{begun: 2, whole: 2, latest: "7", checkpoint: "5"},
			{begun: 3, whole: 3, latest: "9", checkpoint: "7", newest: 1},
		}, false},
	} {
		var d drain
		for i, p := range tt.seen {
			if got := d.isDone(p); got != (tt.done && i == len(tt.seen)-1) {
				t.Errorf("%s: after %d looks it is done: %t", name, i+1, got)
			}
		}
	}
}

// TestReads: what a read of the feed stores about itself is by the server's clock, and only if it
// has read everything.
func TestReads(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithClockSkew(-time.Hour))
	db, err := openSQLite(t.Context(), ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	jobs, err := river.NewClient(db.driver, &river.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f := feeder[*sql.Tx]{db: db, client: srv.Client(), jobs: jobs, lag: time.Millisecond}
	if err := f.begin(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	srv.Inject(growthgeniustest.Fault{Method: http.MethodGet, Route: growthgeniustest.RouteContacts, Status: http.StatusForbidden, Times: 1})
	if err := f.read(t.Context()); err == nil {
		t.Fatal("the first read has not failed")
	}
	if p, err := db.progress(t.Context()); err != nil || p.begun != 1 || p.whole != 0 || p.latest != "" {
		t.Errorf("after a read that failed: %+v, %v", p, err)
	}
	begun := time.Now().Add(-time.Hour)
	if err := f.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := db.progress(t.Context())
	if err != nil || p.begun != 2 || p.whole != 2 || p.latest < sortable(begun) || p.latest > sortable(begun.Add(time.Minute)) || p.checkpoint >= sortable(begun) {
		t.Errorf("after a read that began at %s: %+v, %v", sortable(begun), p, err)
	}
}

// TestGivenUp: a job that was given up before does not fail the next run.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	srv := newServer(t, 0, 0)
	srv.Inject(growthgeniustest.Fault{Method: http.MethodPost, Route: growthgeniustest.RouteContacts, Status: http.StatusUnprocessableEntity})
	args := brisk("-dsn", filepath.Join(t.TempDir(), "fleet.db"), "-drain")
	for _, rows := range []int{1, 2} {
		p := start(t, srv.env, append(files(t, 0, rows), args...)...).ends(t, 3)
		if want := map[int]string{1: "1 of the jobs", 2: "2 of the jobs"}[rows]; !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%d bytes of errors do not contain %q", p.stderr.Len(), want)
		}
	}
	start(t, srv.env, args...).ends(t, 0)
}
