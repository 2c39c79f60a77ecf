// Package fleettest measures a limiter that real processes share, against a server that
// notes when requests arrive.
package fleettest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/fleet"
)

// The load of a measurement.
const (
	processes  = 8
	goroutines = 16
	perSecond  = 50
	burst      = 5
)

// long is how long each part of a measurement takes.
var long = flag.Duration("limiter", 1500*time.Millisecond, "how long each part of the measurement of the shared limiter takes")

const (
	urlEnv    = "FLEETTEST_URL"
	numberEnv = "FLEETTEST_NUMBER"
	rateEnv   = "FLEETTEST_RATE"
)

// stats is what a process writes when it ends.
type stats struct{ Calls, Errors int64 }

// counting counts the calls of a store.
type counting struct {
	fleet.Store
	calls atomic.Int64
}

func (c *counting) Turn(ctx context.Context, q fleet.Request) (fleet.Reply, error) {
	c.calls.Add(1)
	return c.Store.Turn(ctx, q)
}

// Process is what a process does: it sends requests until standard input ends. It returns
// the exit code.
func Process(s fleet.Store) int {
	rate, err := strconv.ParseFloat(os.Getenv(rateEnv), 64)
	if err != nil {
		return fail(err)
	}
	counted := &counting{Store: s}
	limiter := fleet.New(counted, fleet.Options{PerSecond: rate, Burst: burst})
	client, err := growthgenius.NewClient("key", growthgenius.WithBaseURL(os.Getenv(urlEnv)), growthgenius.WithUserID("1"),
		growthgenius.WithLimiter(limiter), growthgenius.WithUserAgent("process/"+os.Getenv(numberEnv)),
		growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		return fail(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var errs atomic.Int64
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for ctx.Err() == nil {
				err := client.Do(ctx, http.MethodGet, "/x", nil, nil, nil)
				if _, refused := errors.AsType[*growthgenius.APIError](err); err == nil || refused || ctx.Err() != nil {
					continue
				}
				errs.Add(1)
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	all.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(stats{counted.calls.Load(), errs.Load()}); err != nil {
		return fail(err)
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
