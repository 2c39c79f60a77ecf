package pace_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// TestSleep: it lasts until the time is over or the context ends, whatever the deadline.
func TestSleep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		timeout, sleep, took time.Duration
		want                 error
	}{
		{time.Hour, time.Second, time.Second, nil},
		{time.Second, time.Hour, time.Second, context.DeadlineExceeded},
		{time.Hour, 0, 0, nil},
		{time.Hour, -time.Second, 0, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
			defer cancel()
			begun := time.Now()
			if err := pace.Sleep(ctx, tt.sleep); err != tt.want || time.Since(begun) != tt.took {
				t.Errorf("%+v: %v after %s", tt, err, time.Since(begun))
			}
		})
	}
}

// TestWaitErrors: an error of a limiter matches that of the context if it is about it, also
// if it says so in the words of a rate.Limiter; else it is returned as it is.
func TestWaitErrors(t *testing.T) {
	t.Parallel()
	empty := rate.NewLimiter(rate.Every(24*time.Hour), 1)
	empty.Allow()
	broken := errors.New("redis: connection refused")
	for name, tt := range map[string]struct {
		wait     waiter
		canceled bool
		want     error  // of the context
		text     string // "" for any
	}{
		"rate.Limiter": {
			empty.Wait, false, context.DeadlineExceeded,
			"the wait would pass the context's deadline (context deadline exceeded)",
		},
		"rate.Limiter, wrapped": {
			func(ctx context.Context) error { return fmt.Errorf("shared: %w", empty.Wait(ctx)) },
			false, context.DeadlineExceeded,
			"shared: rate: Wait(n=1) would exceed context deadline (context deadline exceeded)",
		},
		"canceled":            {empty.Wait, true, context.Canceled, "context canceled"},
		"broken":              {func(context.Context) error { return broken }, false, nil, broken.Error()},
		"broken and canceled": {func(context.Context) error { return broken }, true, context.Canceled, broken.Error() + " (context canceled)"},
		"nothing allowed":     {rate.NewLimiter(0, 0).Wait, false, nil, "rate: Wait(n=1) exceeds limiter's burst 0"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		if tt.canceled {
			cancel()
		}
		err := pace.NewGate(tt.wait, time.Minute).Wait(ctx, "")
		cancel()
		if want := "waiting for the rate limiter: " + tt.text; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		for _, ctxErr := range []error{context.DeadlineExceeded, context.Canceled} {
			if errors.Is(err, ctxErr) != (tt.want == ctxErr) {
				t.Errorf("%s: %v is %v: %t", name, err, ctxErr, tt.want != ctxErr)
			}
		}
	}
	// The words alone, without a deadline, are not about one.
	words := errors.New("would exceed context deadline")
	if err := pace.NewGate(waiter(func(context.Context) error { return words }), 0).Wait(t.Context(), ""); !errors.Is(err, words) || errs.IsContext(err) {
		t.Errorf("without a deadline: %v", err)
	}
}
