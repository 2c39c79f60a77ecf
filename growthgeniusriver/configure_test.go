package growthgeniusriver_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniusriver"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// TestConfigureDefaults: what is set stays, what is not is set.
func TestConfigureDefaults(t *testing.T) {
	t.Parallel()
	d := sqlite(t)
	queues := map[string]river.QueueConfig{queue: {MaxWorkers: 1}}
	config := &river.Config{Queues: queues, Workers: river.NewWorkers()}
	configure(t, d, config)
	if config.JobTimeout != 5*time.Minute || config.RescueStuckJobsAfter != 6*time.Minute || config.SoftStopTimeout != 20*time.Second ||
		config.CancelledJobRetentionPeriod != 7*24*time.Hour || len(config.Middleware) != 1 || config.Queues[growthgeniusriver.ResumeQueue].MaxWorkers != 1 {
		t.Errorf("got %+v", config)
	}
	if len(queues) != 1 {
		t.Errorf("the map of the caller was changed: %v", queues)
	}

	config = &river.Config{JobTimeout: time.Second, RescueStuckJobsAfter: time.Hour, SoftStopTimeout: time.Minute, CancelledJobRetentionPeriod: -1}
	configure(t, d, config)
	if config.JobTimeout != time.Second || config.RescueStuckJobsAfter != time.Hour || config.SoftStopTimeout != time.Minute ||
		config.CancelledJobRetentionPeriod != -1 || config.Middleware != nil || config.Queues != nil {
		t.Errorf("got %+v", config)
	}

	config = &river.Config{JobTimeout: -1} // none
	configure(t, d, config)
	if config.JobTimeout != -1 || config.RescueStuckJobsAfter != 0 {
		t.Errorf("got %+v", config)
	}
	if _, err := river.NewClient(d.connect(), config); err != nil {
		t.Error(err)
	}
}

// TestConfigureRefusesTheResumeQueue: each pause would fail.
func TestConfigureRefusesTheResumeQueue(t *testing.T) {
	t.Parallel()
	config := &river.Config{Queues: map[string]river.QueueConfig{queue: {MaxWorkers: 1}}, Workers: river.NewWorkers()}
	err := growthgeniusriver.Configure(sqlite(t).connect(), config, growthgeniusriver.Options{Queues: []string{queue, growthgeniusriver.ResumeQueue}})
	if err == nil || !strings.Contains(err.Error(), "Options.Queues has growthgenius_resume") {
		t.Errorf("got %v", err)
	}
	if config.JobTimeout != 0 || config.Middleware != nil || len(config.Queues) != 1 {
		t.Errorf("the configuration was changed: %+v", config)
	}
}

// TestConfigureSharesWorkers: two clients have the same Workers, and each resumes queues.
func TestConfigureSharesWorkers(t *testing.T) {
	t.Parallel()
	workers := river.NewWorkers()
	for range 2 {
		d := sqlite(t)
		config := &river.Config{Queues: map[string]river.QueueConfig{queue: {MaxWorkers: 1}}, Workers: workers, Logger: quiet, TestOnly: true}
		configure(t, d, config)
		c, err := river.NewClient(d.connect(), config)
		if err != nil {
			t.Fatal(err)
		}
		start(t, c)
		pauseFor(t, c, 2*time.Second)
		wait(t, "the end of the pause", func() bool { return row(t, c).PausedAt == nil })
	}
}

// TestConfigureKeepsWorkerMiddleware: a program may use the older fields of River, which cannot
// be combined with Middleware.
//
//nolint:staticcheck // the older fields are deprecated, and used
func TestConfigureKeepsWorkerMiddleware(t *testing.T) {
	t.Parallel()
	d := sqlite(t)
	for name, set := range map[string]func(*river.Config){
		"WorkerMiddleware": func(c *river.Config) {
			c.WorkerMiddleware = []rivertype.WorkerMiddleware{&river.WorkerMiddlewareDefaults{}}
		},
		"JobInsertMiddleware": func(c *river.Config) {
			c.JobInsertMiddleware = []rivertype.JobInsertMiddleware{&river.JobInsertMiddlewareDefaults{}}
		},
	} {
		config := &river.Config{Queues: map[string]river.QueueConfig{queue: {MaxWorkers: 1}}, Workers: river.NewWorkers(), Logger: quiet}
		set(config)
		before := len(config.WorkerMiddleware)
		configure(t, d, config)
		if _, err := river.NewClient(d.connect(), config); err != nil || len(config.WorkerMiddleware) != before+1 {
			t.Errorf("%s: %d worker middlewares, want %d; %v", name, len(config.WorkerMiddleware), before+1, err)
		}
	}
}

// snoozes returns how often a job was snoozed.
func snoozes(t *testing.T, job *rivertype.JobRow) int {
	t.Helper()
	var metadata struct{ Snoozes int }
	if err := json.Unmarshal(job.Metadata, &metadata); err != nil {
		t.Fatal(err)
	}
	return metadata.Snoozes
}

// TestRetryAfter: a Retry-After costs one snoozed job a worker at most, and no attempt.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	t.Run("Polling", func(t *testing.T) {
		t.Parallel()
		testRetryAfter(t, postgres(t), func(config *river.Config) { config.PollOnly = true })
	})
	if testkit.Race { // SQLite is in Go, and several times as slow
		testRetryAfter(t, postgres(t))
		return
	}
	onEach(t, func(t *testing.T, d database[*sql.Tx]) { testRetryAfter(t, d) }, func(t *testing.T, d database[pgx.Tx]) { testRetryAfter(t, d) })
}

func testRetryAfter[TTx any](t *testing.T, d database[TTx], set ...func(*river.Config)) {
	t.Helper()
	const asked = growthgeniusriver.MaxRetryAfter + 500*time.Millisecond
	var first, refused, early, done atomic.Int64
	work := func(context.Context, *river.Job[args]) error {
		time.Sleep(5 * time.Millisecond)
		first.CompareAndSwap(0, time.Now().UnixNano())
		since := time.Since(time.Unix(0, first.Load()))
		if since < asked {
			refused.Add(1)
			if since > 3*time.Second {
				early.Add(1)
			}
			return status(http.StatusTooManyRequests, asked)
		}
		done.Add(1)
		return nil
	}
	a, b := d.client(t, work, set...), d.client(t, work, set...)
	var inserted []river.InsertManyParams
	for i := range 60 {
		inserted = append(inserted, river.InsertManyParams{Args: args{i}, InsertOpts: &river.InsertOpts{Queue: queue}})
	}
	if _, err := a.InsertMany(t.Context(), inserted); err != nil {
		t.Fatal(err)
	}
	start(t, a)
	start(t, b)
	wait(t, "all jobs", func() bool {
		return done.Load() == int64(len(inserted)) && !slices.ContainsFunc(jobs(t, a, "call"), func(job *rivertype.JobRow) bool {
			return job.State != rivertype.JobStateCompleted
		})
	})
	total := 0
	for _, job := range jobs(t, a, "call") {
		total += snoozes(t, job)
		if job.Attempt != 1 || len(job.Errors) > 0 {
			t.Errorf("job %d took %d attempts, with %d errors", job.ID, job.Attempt, len(job.Errors))
		}
	}
	if total < 1 || total > 8 || int(refused.Load()) != total || early.Load() > 0 {
		t.Errorf("2 clients with 4 workers each snoozed %d jobs, and sent %d requests that were refused, %d of them 3 seconds after the first",
			total, refused.Load(), early.Load())
	}
}

// TestShortWaits: only what concerns the whole account for long pauses the queue, whatever
// becomes of the job.
func TestShortWaits(t *testing.T) {
	t.Parallel()
	var unknown error // of a create without a key
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) { unknown = maintenance(t, srv, 503, time.Hour) })
	d := postgres(t)
	var next atomic.Pointer[error]
	c := d.client(t, func(context.Context, *river.Job[args]) error { return *next.Load() })
	start(t, c)
	run := func(err error) (state rivertype.JobState, paused bool) {
		t.Helper()
		next.Store(&err)
		inserted, insertErr := c.Insert(t.Context(), args{}, &river.InsertOpts{Queue: queue, MaxAttempts: 1})
		if insertErr != nil {
			t.Fatal(insertErr)
		}
		var job *rivertype.JobRow
		wait(t, "the job", func() bool {
			var err error
			if job, err = c.JobGet(t.Context(), inserted.Job.ID); err != nil {
				t.Fatal(err)
			}
			return job.State != rivertype.JobStateAvailable && job.State != rivertype.JobStateRunning
		})
		return job.State, row(t, c).PausedAt != nil
	}
	for _, test := range []struct {
		err    error
		state  rivertype.JobState
		paused bool
	}{
		{nil, rivertype.JobStateCompleted, false},
		{status(http.StatusUnprocessableEntity, 0), rivertype.JobStateCancelled, false},
		{status(http.StatusBadGateway, 0), rivertype.JobStateDiscarded, false},
		{status(http.StatusAccepted, time.Hour), rivertype.JobStateScheduled, false},
		{status(http.StatusTooManyRequests, growthgeniusriver.MaxRetryAfter), rivertype.JobStateScheduled, false},
		{river.JobSnooze(time.Hour), rivertype.JobStateScheduled, false},
		{status(http.StatusInternalServerError, time.Hour), rivertype.JobStateDiscarded, false},
		{status(http.StatusTooManyRequests, time.Hour), rivertype.JobStateScheduled, true},
		{status(http.StatusServiceUnavailable, time.Hour), rivertype.JobStateScheduled, true},
		{status(http.StatusForbidden, time.Hour), rivertype.JobStateScheduled, true},
		{status(http.StatusTooManyRequests, math.MaxInt64), rivertype.JobStateScheduled, true},
		{unknown, rivertype.JobStateCancelled, true},
	} {
		state, paused := run(test.err)
		if state != test.state || paused != test.paused {
			t.Errorf("%v: the job is %s, the queue is paused: %t; want %s, %t", test.err, state, paused, test.state, test.paused)
		}
		if paused {
			if end := until(t, c); end.After(time.Now().Add(25 * time.Hour)) {
				t.Errorf("paused until %s", end)
			}
			resume(t, c, until(t, c))
			time.Sleep(200 * time.Millisecond) // until the client knows
		}
	}
}

// TestPauseFor: the account has to wait whatever else the error says, and whatever the worker
// has decided about its job.
func TestPauseFor(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		keyed, bare := maintenance(t, srv, 503, time.Hour, growthgenius.Once("key")), maintenance(t, srv, 503, time.Hour)
		for _, test := range []struct {
			err  error
			want time.Duration
		}{
			{nil, 0},
			{errors.New("of the worker itself"), 0},
			{status(500, time.Hour), 0},
			{status(202, time.Hour), 0},
			{status(429, growthgeniusriver.MaxRetryAfter), 0},
			{maintenance(t, srv, 500, time.Hour), 0},
			{status(429, time.Hour), time.Hour},
			{errors.Join(status(429, time.Hour), context.Canceled), time.Hour},
			{errors.Join(status(422, 0), status(403, time.Hour), status(503, time.Minute)), time.Hour},
			{river.JobCancel(status(429, time.Hour)), time.Hour},
			{keyed, time.Hour},
			{bare, time.Hour},
			{growthgeniusriver.Result(&rivertype.JobRow{}, bare), time.Hour}, // the worker called it
			{status(429, 100*time.Hour), 24 * time.Hour},
		} {
			if got := growthgeniusriver.PauseFor(test.err); got != test.want {
				t.Errorf("%v: a pause of %s, want %s", test.err, got, test.want)
			}
		}
	})
}

// TestQueuesTogether: Queues are paused together, also those that are not there yet.
func TestQueuesTogether(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	config := &river.Config{
		Queues: map[string]river.QueueConfig{"b": {MaxWorkers: 1}, queue: {MaxWorkers: 1}, "local": {MaxWorkers: 1}}, Workers: river.NewWorkers(), Logger: quiet, TestOnly: true,
	}
	river.AddWorker(config.Workers, river.WorkFunc(func(context.Context, *river.Job[args]) error { return status(http.StatusTooManyRequests, time.Hour) }))
	configure(t, d, config, queue, "b", "none")
	c, err := river.NewClient(d.connect(), config)
	if err != nil {
		t.Fatal(err)
	}
	start(t, c)
	if _, err := c.Insert(t.Context(), args{}, &river.InsertOpts{Queue: "b"}); err != nil {
		t.Fatal(err)
	}
	wait(t, "the pause", func() bool { return row(t, c).PausedAt != nil })
	for name, want := range map[string]bool{queue: true, "b": true, "local": false, growthgeniusriver.ResumeQueue: false} {
		q, err := c.QueueGet(t.Context(), name)
		if err != nil || (q.PausedAt != nil) != want {
			t.Errorf("the queue %s is %+v, %v", name, q, err)
		}
	}
}

// TestStop: while a client stops, a create without a key is not repeated, and one with a key is
// attempted again without that counting.
func TestStop(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	srv := growthgeniustest.NewServer(t)
	srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Hang, Commit: true, Times: 2})
	sdk := testkit.Live(t, srv, growthgenius.WithLedger(ledger.NewMemory()), growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: 100 * time.Millisecond}))
	var bare atomic.Int64
	work := func(ctx context.Context, job *river.Job[args]) error {
		in := growthgenius.ContactInput{Email: growthgenius.Set("ana@example.com")}
		var opts []growthgenius.RequestOption
		if job.Args.N > 0 {
			in.Email = growthgenius.Set("bo@example.com")
			opts = append(opts, growthgeniusriver.Once(job.JobRow, "contact"))
		} else {
			bare.Add(1)
		}
		_, err := sdk.Contacts.Create(ctx, in, opts...)
		return err
	}
	c := d.client(t, work)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := c.Insert(t.Context(), args{i}, &river.InsertOpts{Queue: queue}); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "both contacts", func() bool { return len(srv.Contacts()) == 2 })
	if err := c.StopAndCancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	byN := func() map[int]*rivertype.JobRow {
		rows := map[int]*rivertype.JobRow{}
		for _, job := range jobs(t, c, "call") {
			var a args
			if err := json.Unmarshal(job.EncodedArgs, &a); err != nil {
				t.Fatal(err)
			}
			rows[a.N] = job
		}
		return rows
	}
	if got := byN(); got[0].State != rivertype.JobStateCancelled || got[1].State != rivertype.JobStateAvailable || got[1].Attempt != 0 || len(got[1].Errors) != 0 {
		t.Errorf("after the stop, the job without a key is %s, the one with a key is %s after %d attempts", got[0].State, got[1].State, got[1].Attempt)
	}
	again := d.client(t, work)
	start(t, again)
	wait(t, "the job with a key", func() bool { return byN()[1].State == rivertype.JobStateCompleted })
	if got := byN(); len(srv.Contacts()) != 2 || bare.Load() != 1 || got[1].Attempt != 1 {
		t.Errorf("%d contacts of 2 jobs, the one without a key ran %d times, the other took %d attempts", len(srv.Contacts()), bare.Load(), got[1].Attempt)
	}
}

// TestPauseAtStop: a client that stops still pauses the queue for the others.
func TestPauseAtStop(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	began := make(chan bool, 1)
	c := d.client(t, func(ctx context.Context, _ *river.Job[args]) error {
		began <- true
		<-ctx.Done()
		return status(http.StatusTooManyRequests, time.Hour)
	})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Insert(t.Context(), args{}, &river.InsertOpts{Queue: queue}); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := c.StopAndCancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	if row(t, c).PausedAt == nil {
		t.Error("not paused")
	}
}

// TestMiddlewareOfOthers: the middleware of the program sees what River is told, and the error.
func TestMiddlewareOfOthers(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	var mu sync.Mutex
	var seen error
	c := d.client(t, func(context.Context, *river.Job[args]) error { return status(http.StatusTooManyRequests, time.Second) }, func(config *river.Config) {
		config.Middleware = []rivertype.Middleware{river.WorkerMiddlewareFunc(func(ctx context.Context, _ *rivertype.JobRow, doInner func(context.Context) error) error {
			err := doInner(ctx)
			mu.Lock()
			defer mu.Unlock()
			seen = err
			return err
		})}
	})
	start(t, c)
	if _, err := c.Insert(t.Context(), args{}, &river.InsertOpts{Queue: queue}); err != nil {
		t.Fatal(err)
	}
	wait(t, "the job", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return seen != nil
	})
	mu.Lock()
	defer mu.Unlock()
	_, snoozed := errors.AsType[*river.JobSnoozeError](seen)
	if !snoozed || !errors.Is(seen, growthgenius.ErrRateLimited) {
		t.Errorf("it saw %v", seen)
	}
}
