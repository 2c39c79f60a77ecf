package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// TestScreen: without a terminal there is a line every 5 seconds. On one there is a table that
// replaces itself, and log lines are above it.
func TestScreen(t *testing.T) {
	t.Parallel()
	measured, err := newTelemetry(nil)
	if err != nil {
		t.Fatal(err)
	}
	for terminal, want := range map[bool][]string{
		false: {"all\na warning\nall\n"},
		true:  {"\x1b[?7lworker-1   enrich 7 ", " 1 enriched ", " 1 again\nall\n\x1b[?7h", "\x1b[2A\x1b[Ja warning\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRow("worker-1", measured)
			for _, err := range []error{nil, errors.New("failed")} {
				_ = r.Work(t.Context(), &rivertype.JobRow{ID: 6, Kind: "enrich_contact"}, func(context.Context) error { return err })
			}
			go func() {
				_ = r.Work(t.Context(), &rivertype.JobRow{ID: 7, Kind: "enrich_contact"}, func(context.Context) error {
					time.Sleep(time.Minute)
					return nil
				})
			}()
			var out strings.Builder
			s := &screen{out: &out, terminal: terminal, rows: []*row{r}, total: func() string { return "all" }}
			s.start()
			time.Sleep(14 * time.Second)
			_, _ = io.WriteString(s, "a warning\n")
			time.Sleep(2 * time.Second)
			s.end()
			time.Sleep(time.Minute) // the job ends
			for _, want := range want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("on a terminal: %t: %d bytes do not contain %q", terminal, out.Len(), want)
				}
			}
		})
	}
}

// TestResultOf: the metric of jobs tells what River makes of an error.
func TestResultOf(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for want, tt := range map[string]struct {
		attempt int
		err     error
	}{
		"done":     {25, nil},
		"snoozed":  {25, fmt.Errorf("%w: %w", failed, river.JobSnooze(time.Second))},
		"given_up": {1, river.JobCancel(failed)},
		"retried":  {24, failed},
	} {
		if got := resultOf(&rivertype.JobRow{Attempt: tt.attempt, MaxAttempts: 25}, tt.err); got != want {
			t.Errorf("attempt %d with the error %v: %s, want %s", tt.attempt, tt.err, got, want)
		}
	}
	if got := resultOf(&rivertype.JobRow{Attempt: 25, MaxAttempts: 25}, failed); got != "given_up" {
		t.Errorf("the last attempt: %s", got)
	}
	if got := resultOf(&rivertype.JobRow{Attempt: 25, MaxAttempts: 25}, fmt.Errorf("failed: %w", context.Canceled)); got != "retried" {
		t.Errorf("the last attempt, interrupted: %s", got)
	}
}
