package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// TestStartFails: a worker whose database fails is not started, and those that run are ended
// before the program ends.
func TestStartFails(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	api := func(opts ...growthgenius.Option) (*growthgenius.Client, error) { return srv.Client(opts...), nil }
	measured, err := newTelemetry(nil)
	if err != nil {
		t.Fatal(err)
	}
	var members []*member[*sql.Tx]
	var dbs []*database[*sql.Tx]
	for _, name := range []string{"first", "second"} {
		db, err := openSQLite(t.Context(), filepath.Join(t.TempDir(), "fleet.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.close() })
		o := options{concurrency: 1, timeout: time.Second, settle: time.Second, feedEvery: time.Second, feedLag: time.Second}
		m, err := newMember(db, nil, o, api, newRow(name, measured), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		members, dbs = append(members, m), append(dbs, db)
	}
	if err := errors.Join(members[0].feeder.begin(t.Context(), time.Now()), dbs[1].close()); err != nil {
		t.Fatal(err)
	}
	wait := func() error { t.Error("it waits for the end of the jobs"); return nil }
	s := &screen{out: io.Discard, total: func() string { return "" }}
	if err := work(t.Context(), dbs[0], members, wait, s, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no error")
	}
	select {
	case <-members[0].river.Stopped():
	default:
		t.Error("the first worker still runs")
	}
	if members[1].river.Stopped() != nil {
		t.Error("the second worker was started")
	}
}

// TestTotal: a database that does not respond holds back the line about all workers for 2 seconds.
func TestTotal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		got := total(t.Context(), nil, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if took := time.Since(begun); !strings.Contains(got, "-1 left") || took != 2*time.Second {
			t.Errorf("after %s: %s", took, got)
		}
	})
}
