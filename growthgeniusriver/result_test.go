package growthgeniusriver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniusriver"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// The decisions of Result.
const (
	retry  = -1 * time.Second
	cancel = -2 * time.Second
)

// status is an error response.
func status(code int, retryAfter time.Duration) error {
	return fmt.Errorf("enriching: %w", &growthgenius.APIError{StatusCode: code, RetryAfter: retryAfter})
}

// check fails the test unless Result decides about err as wanted: retry, cancel, or a snooze of
// a duration.
func check(t *testing.T, job *rivertype.JobRow, err error, want time.Duration) {
	t.Helper()
	got := growthgeniusriver.Result(job, err)
	canceled, isCanceled := errors.AsType[*river.JobCancelError](got)
	snoozed, isSnoozed := errors.AsType[*river.JobSnoozeError](got)
	switch want {
	case retry:
		if got != err {
			t.Errorf("%v: got %v, want the error itself", err, got)
		}
	case cancel:
		if !isCanceled || isSnoozed || canceled.Error() != "JobCancelError: "+err.Error() {
			t.Errorf("%v: got %v, want a cancellation", err, got)
		}
	default:
		if isCanceled || !isSnoozed {
			t.Errorf("%v: got %v, want a snooze", err, got)
		} else if d := snoozed.Duration; d < want || d > want+min(want/10, 5*time.Second)+1 {
			t.Errorf("%v: snoozed for %s, want %s and a bit", err, d, want)
		}
	}
	target := growthgenius.ErrOutcomeUnknown
	if !errors.Is(err, target) {
		target = err
	}
	if !errors.Is(got, target) {
		t.Errorf("%v: hidden by %v", err, got)
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	job := &rivertype.JobRow{Metadata: []byte(`{}`)}
	never := errors.Join(errors.New("no"), growthgenius.ErrMultipleMatches)
	for _, test := range []struct {
		err  error
		want time.Duration
	}{
		{status(429, 30*time.Second), 30 * time.Second},
		{status(429, 300*time.Millisecond), 300 * time.Millisecond},
		{status(503, 2*time.Minute), 2 * time.Minute},
		{status(403, time.Minute), time.Minute},
		{status(202, time.Minute), time.Minute},
		{status(429, math.MaxInt64), 24 * time.Hour},
		{errors.Join(status(422, 0), status(429, time.Minute), status(503, time.Second)), time.Minute},

		{status(429, 0), retry},
		{status(202, 0), retry},
		{status(500, 0), retry},
		{status(501, 0), retry},
		{status(503, 0), retry},
		{status(599, 0), retry},
		{status(302, 0), retry},
		{status(401, 0), retry},
		{status(402, 0), retry},
		{status(403, 0), retry},
		{status(407, 0), retry},
		{status(408, 0), retry},
		{status(421, 0), retry},
		{status(423, 0), retry},
		{status(425, 0), retry},
		{growthgenius.ErrLeaseLost, retry},
		{growthgenius.ErrPartialResults, retry},
		{growthgenius.ErrNotFound, retry}, // of a Resolve
		{&growthgenius.DecodeError{StatusCode: 200}, retry},
		{context.DeadlineExceeded, retry},
		{context.Canceled, retry},
		{io.ErrUnexpectedEOF, retry},
		{errors.New("of the worker itself"), retry},

		{status(400, 0), cancel},
		{status(400, time.Minute), cancel}, // from a gateway that says so of any error
		{status(500, time.Minute), retry},
		{status(502, time.Minute), retry},
		{status(504, time.Minute), retry},
		{status(401, time.Minute), retry},
		{status(302, time.Minute), retry},
		{errors.Join(status(500, time.Minute), status(422, 0)), cancel},

		// A worker that canceled its other calls after the first error.
		{errors.Join(status(429, time.Minute), context.Canceled), time.Minute},
		{errors.Join(status(422, 0), context.Canceled), cancel},
		{errors.Join(status(500, 0), context.Canceled), retry},
		{status(404, 0), cancel},
		{status(405, 0), cancel},
		{status(409, 0), cancel},
		{status(410, 0), cancel},
		{status(422, 0), cancel},
		{status(499, 0), cancel},
		{growthgenius.ErrInvalidInput, cancel},
		{growthgenius.ErrMultipleMatches, cancel},
		{growthgenius.ErrChangedSince, cancel},
		{growthgenius.ErrKeyReused, cancel},
		{growthgenius.ErrKeyDeleted, cancel},
		{growthgenius.ErrNotCached, cancel},
		{growthgenius.ErrResponseTooLarge, cancel},
		{&growthgenius.PartialResultsError{Limit: 100, Total: 200}, cancel},
		{&growthgenius.DecodeError{StatusCode: 200, OtherID: "7"}, cancel},
		{bulk.ErrBudgetSpent, cancel},
		{bulk.ErrOtherInput, cancel},
		{never, cancel},
		{errors.Join(status(500, 0), status(422, 0)), cancel},
	} {
		check(t, job, test.err, test.want)
	}
	for _, decided := range []error{
		nil, river.JobSnooze(time.Hour), fmt.Errorf("%w: %w", status(422, 0), river.JobSnooze(time.Hour)), river.JobCancel(status(503, time.Hour)),
	} {
		if got := growthgeniusriver.Result(job, decided); got != decided {
			t.Errorf("%v: got %v, want the error itself", decided, got)
		}
	}
}

// TestResultSpreads: jobs that were asked to wait at once are not attempted at once.
func TestResultSpreads(t *testing.T) {
	t.Parallel()
	waits := map[time.Duration]bool{}
	for range 10 {
		snoozed, _ := errors.AsType[*river.JobSnoozeError](growthgeniusriver.Result(&rivertype.JobRow{}, status(429, time.Hour)))
		waits[snoozed.Duration] = true
	}
	if len(waits) < 5 {
		t.Errorf("10 jobs wait for %v", waits)
	}
}

// TestResultOfA404: only the API's own 404 cancels a job, and not that of a gateway.
func TestResultOfA404(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		job := &rivertype.JobRow{}
		_, err := srv.NewClient().Contacts.Get(t.Context(), "404")
		check(t, job, err, cancel)
		srv.Inject(growthgeniustest.Fault{Status: http.StatusNotFound, Body: "default backend"})
		_, err = srv.NewClient().Contacts.Get(t.Context(), "404")
		check(t, job, err, retry)
	})
}

// lost returns the error of a create whose outcome is not known.
func lost(t *testing.T, srv *testkit.Server, key ...string) error {
	t.Helper()
	srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset}, growthgeniustest.Fault{Method: "GET", Status: 502})
	var opts []growthgenius.RequestOption
	for _, k := range key {
		opts = append(opts, growthgenius.Once(k))
	}
	ctx, stop := context.WithTimeoutCause(t.Context(), time.Minute, nil)
	defer stop()
	_, err := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory())).Contacts.Create(ctx, testkit.Steve, opts...)
	return testkit.Unknown(t, err)
}

// TestResultOfAnUnknownOutcome: only a create under a key is attempted again, some times without
// counting an attempt.
func TestResultOfAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		bare, keyed := lost(t, srv), lost(t, srv, "key")
		for snoozes := range 5 {
			job := &rivertype.JobRow{Metadata: fmt.Appendf(nil, `{"snoozes":%d,"mine":"x"}`, snoozes)}
			want := 10 * time.Second
			if snoozes > 2 {
				want = retry
			}
			check(t, job, keyed, want)
			check(t, job, bare, cancel)
			check(t, job, errors.Join(keyed, status(422, 0)), want)
			check(t, job, errors.Join(keyed, bare), cancel)
			check(t, job, errors.Join(bare, keyed), cancel)
			check(t, job, errors.Join(bare, status(429, time.Hour)), cancel)
		}
		if unknown := testkit.Unknown(t, growthgeniusriver.Result(&rivertype.JobRow{}, bare)); unknown.Token.String() == (growthgenius.CreateToken{}).String() {
			t.Error("the token is lost")
		}
	})
}

// maintenance returns the error of a create at a server whose every response is a status with a
// Retry-After.
func maintenance(t *testing.T, srv *testkit.Server, status int, wait time.Duration, opts ...growthgenius.RequestOption) error {
	t.Helper()
	srv.ClearFaults()
	srv.Inject(growthgeniustest.Fault{Status: status, RetryAfter: wait})
	_, err := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory()), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxRetryAfter: growthgeniusriver.MaxRetryAfter})).
		Contacts.Create(t.Context(), testkit.Steve, opts...)
	return testkit.Unknown(t, err)
}

// TestResultOfMaintenance: if the API asks to wait while the outcome of a create is not known,
// a job with a key waits that long, however often it was snoozed.
func TestResultOfMaintenance(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		key := growthgenius.Once("key")
		for _, snoozes := range []int{0, 2, 3, 100} {
			job := &rivertype.JobRow{Metadata: fmt.Appendf(nil, `{"snoozes":%d}`, snoozes)}
			check(t, job, maintenance(t, srv, 503, 10*time.Minute, key), 10*time.Minute)
			check(t, job, maintenance(t, srv, 503, 6*time.Second, key), 10*time.Second)
			check(t, job, maintenance(t, srv, 503, 100*time.Hour, key), 24*time.Hour)
			check(t, job, maintenance(t, srv, 503, 10*time.Minute), cancel)
			want := 10 * time.Second
			if snoozes > 2 {
				want = retry
			}
			check(t, job, maintenance(t, srv, 500, 10*time.Minute, key), want)
		}
	})
}

// TestResultOfAStop: River runs a job again if its error matches context.Canceled while the
// client stops, even if the job is to be canceled. That would repeat a create.
func TestResultOfAStop(t *testing.T) {
	t.Parallel()
	for _, key := range [][]string{nil, {"key"}} {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Hang, Commit: true})
			ctx, stop := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, stop)
			var opts []growthgenius.RequestOption
			for _, k := range key {
				opts = append(opts, growthgenius.Once(k))
			}
			_, err := srv.NewClient(growthgenius.WithLedger(ledger.NewMemory())).Contacts.Create(ctx, testkit.Steve, opts...)
			if !errors.Is(testkit.Unknown(t, err), context.Canceled) {
				t.Fatal(err)
			}
			if key != nil {
				check(t, &rivertype.JobRow{}, err, retry)
				return
			}
			check(t, &rivertype.JobRow{}, err, cancel)
			if got := growthgeniusriver.Result(&rivertype.JobRow{}, err); errors.Is(got, context.Canceled) {
				t.Errorf("River would run the job again: %v", got)
			}
		})
	}
}
