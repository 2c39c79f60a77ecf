//go:build unix

package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/fleet"
	"github.com/growthgenius/growthgenius-go/internal/testkit/fleettest"
	"github.com/growthgenius/growthgenius-go/sqlstore"
)

func init() {
	processes["limiter"] = func() int {
		db, err := sql.Open(os.Getenv(driverEnv), os.Getenv(dsnEnv))
		if err != nil {
			return 1
		}
		defer db.Close()
		dialect := sqlstore.Dialect(os.Getenv(dialectEnv))
		return fleettest.Process(sqlstore.New(db, dialect).LimiterState("limiter"))
	}
}

// These name the database of a process that limits its rate.
const (
	driverEnv  = "SQLSTORE_LIMITER_DRIVER"
	dsnEnv     = "SQLSTORE_LIMITER_DSN"
	dialectEnv = "SQLSTORE_LIMITER_DIALECT"
)

// TestLimiterFleet measures 8 processes.
func TestLimiterFleet(t *testing.T) {
	for _, dialect := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			d := empty(t, dialect)
			d.store(t)
			path, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			fleettest.Measure(t, func(env ...string) *exec.Cmd {
				cmd := exec.CommandContext(t.Context(), path)
				cmd.Env = append(append(os.Environ(), processEnv+"=limiter", driverEnv+"="+d.driver, dsnEnv+"="+d.dsn,
					dialectEnv+"="+string(d.dialect)), env...)
				cmd.Stderr = os.Stderr
				return cmd
			}, nil)
		})
	}
}

// TestLimiterSteps: steps that processes take at a time are taken one after another, by the
// clock of the database.
func TestLimiterSteps(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		s := d.store(t)
		const gap, n = 1_000, 40
		var mu sync.Mutex // guards turns
		turns := map[int64]bool{}
		var group sync.WaitGroup
		for range 4 {
			state := s.LimiterState("steps")
			group.Go(func() {
				for range n / 4 {
					r, err := state.Turn(t.Context(), fleet.Request{Want: 1, Batch: 1, Gap: gap, Burst: 1})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					turns[r.Grant.At+r.Ticket.At] = true // one of them is zero
					mu.Unlock()
				}
			})
		}
		group.Wait()
		if len(turns) != n {
			t.Errorf("%d processes were given %d different turns", n, len(turns))
		}
		before := time.Now().Add(-10 * time.Millisecond)
		r, err := s.LimiterState("other").Turn(t.Context(), fleet.Request{Want: 1, Batch: 1, Gap: gap, Burst: 1, Pause: 5_000_000})
		if err != nil {
			t.Fatal(err)
		}
		if now := time.UnixMicro(r.Now); now.Before(before) || now.After(time.Now().Add(10*time.Millisecond)) {
			t.Errorf("the clock says %s", now)
		}
		if r.Paused != r.Now+5_000_000 || r.Ticket.At != r.Paused {
			t.Errorf("%+v", r)
		}
	})
}

// TestLimiter: a limiter of a store limits, and says if the table is not there, or if a
// setting is not valid.
func TestLimiter(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		missing := sqlstore.New(d.connect(t), d.dialect).Limiter(sqlstore.LimiterOptions{PerSecond: 50})
		const want = "the store of the shared limiter: sqlstore: taking a turn of the limiter: "
		if err := missing.Wait(ctx); err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "growthgenius_limiter") {
			t.Errorf("without a table: %v", err)
		}
		s := d.store(t)
		l := s.Limiter(sqlstore.LimiterOptions{Name: "other", PerSecond: 50})
		begun := time.Now()
		for range 6 {
			if err := l.Wait(ctx); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begun); took < 95*time.Millisecond {
			t.Errorf("6 requests at 50 a second took %s", took)
		}
		done, stop := context.WithCancel(t.Context())
		stop()
		if err := s.Limiter(sqlstore.LimiterOptions{}).Wait(done); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
		if err := s.Limiter(sqlstore.LimiterOptions{PerSecond: -1}).Wait(ctx); err == nil {
			t.Error("a negative rate is valid")
		}
	})
}
