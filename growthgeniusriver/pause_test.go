package growthgeniusriver_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/growthgenius/growthgenius-go/growthgeniusriver"
)

const resumeKind = "growthgenius_resume"

// pauseFor pauses the queue, and returns the end of the pause.
func pauseFor[TTx any](t *testing.T, c *river.Client[TTx], d time.Duration) time.Time {
	t.Helper()
	end := time.Now().Add(d).Truncate(time.Second)
	if err := growthgeniusriver.Pause(t.Context(), c, queue, end); err != nil {
		t.Fatal(err)
	}
	return end.UTC()
}

// resume does what the job at the end of a pause does.
func resume[TTx any](t *testing.T, c *river.Client[TTx], end time.Time) {
	t.Helper()
	if err := growthgeniusriver.Resume(t.Context(), c, queue, end); err != nil {
		t.Fatal(err)
	}
}

// TestPauseEnds: the later end of two pauses counts, and a job at the earlier one resumes
// nothing. Each has its jobs, and a second one in case that the first is lost.
func TestPauseEnds(t *testing.T) {
	t.Parallel()
	onEach(t, testPauseEnds[*sql.Tx], testPauseEnds[pgx.Tx])
}

func testPauseEnds[TTx any](t *testing.T, d database[TTx]) {
	c := d.idle(t)
	if _, err := c.QueueUpdate(t.Context(), queue, &river.QueueUpdateParams{Metadata: []byte(`{"other":{"a":1}}`)}); err != nil {
		t.Fatal(err)
	}
	first := time.Now().Add(time.Minute).Truncate(time.Second).UTC()
	for _, early := range []time.Duration{400 * time.Millisecond, 300 * time.Millisecond} { // within a second, so the end is the same
		if err := growthgeniusriver.Pause(t.Context(), c, queue, first.Add(-early)); err != nil {
			t.Fatal(err)
		}
	}
	last := pauseFor(t, c, time.Hour)
	pauseFor(t, c, time.Second) // changes nothing
	if q := row(t, c); q.PausedAt == nil || !until(t, c).Equal(last) || !strings.Contains(string(q.Metadata), `"other"`) {
		t.Fatalf("the queue is %+v with %s", q, q.Metadata)
	}
	var got []time.Time
	for _, job := range jobs(t, c, resumeKind) {
		got = append(got, job.ScheduledAt.UTC())
	}
	want := []time.Time{first, first.Add(growthgeniusriver.SpareAfter), last, last.Add(growthgeniusriver.SpareAfter)}
	if len(got) != len(want) {
		t.Fatalf("jobs at %v, want %v", got, want)
	}
	for i := range want {
		if !got[i].Equal(want[i]) {
			t.Errorf("jobs at %v, want %v", got, want)
		}
	}
	resume(t, c, first)
	if row(t, c).PausedAt == nil {
		t.Error("resumed at the end of the shorter pause")
	}
	resume(t, c, last)
	if q := row(t, c); q.PausedAt != nil || !until(t, c).IsZero() || !strings.Contains(string(q.Metadata), `"other"`) {
		t.Errorf("after the pause, the queue is %+v with %s", q, q.Metadata)
	}
	resume(t, c, last) // the second job
}

// TestPauseOfAPerson: what a person paused stays paused, and what a person resumed stays so.
func TestPauseOfAPerson(t *testing.T) {
	t.Parallel()
	onEach(t, testPauseOfAPerson[*sql.Tx], testPauseOfAPerson[pgx.Tx])
}

func testPauseOfAPerson[TTx any](t *testing.T, d database[TTx]) {
	c := d.idle(t)
	person := func(action func(context.Context, string, *river.QueuePauseOpts) error) {
		t.Helper()
		time.Sleep(2 * time.Millisecond) // times in SQLite are milliseconds
		if err := action(t.Context(), queue, nil); err != nil {
			t.Fatal(err)
		}
	}
	person(c.QueuePause)
	end := pauseFor(t, c, time.Hour)
	if n := len(jobs(t, c, resumeKind)); n != 0 || !until(t, c).IsZero() {
		t.Errorf("the pause of a person has %d jobs that end it", n)
	}
	resume(t, c, end)
	if row(t, c).PausedAt == nil {
		t.Error("the pause of a person was ended")
	}

	person(c.QueueResume)
	end = pauseFor(t, c, time.Hour)
	person(c.QueueResume)
	person(c.QueuePause)
	pauseFor(t, c, 2*time.Hour)
	if len(jobs(t, c, resumeKind)) != 2 {
		t.Error("the pause of a person after one of ours got an end")
	}
	resume(t, c, end)
	if row(t, c).PausedAt == nil {
		t.Error("the pause of a person after one of ours was ended")
	}

	person(c.QueueResume)
	end = pauseFor(t, c, time.Hour)
	person(c.QueueResume)
	if again := pauseFor(t, c, time.Hour+time.Second); row(t, c).PausedAt == nil || !until(t, c).Equal(again) {
		t.Error("not paused again after a person resumed the queue")
	}
	resume(t, c, end)
	if row(t, c).PausedAt == nil {
		t.Error("the later pause was ended by the job of the earlier one")
	}
}

// TestPauseTogether: of many pauses at the same time, the last end counts, and it has a job.
func TestPauseTogether(t *testing.T) {
	t.Parallel()
	onEach(t, testPauseTogether[*sql.Tx], testPauseTogether[pgx.Tx])
}

func testPauseTogether[TTx any](t *testing.T, d database[TTx]) {
	last := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	c := d.idle(t)
	var group sync.WaitGroup
	for range 3 {
		other := d.idle(t)
		for i := range 6 {
			group.Go(func() {
				if err := growthgeniusriver.Pause(t.Context(), other, queue, last.Add(-time.Duration(i)*time.Minute)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	all := jobs(t, c, resumeKind)
	if row(t, c).PausedAt == nil || !until(t, c).Equal(last) || !all[len(all)-1].ScheduledAt.Equal(last.Add(growthgeniusriver.SpareAfter)) {
		t.Errorf("paused at %v until %s, the last job is at %s, want %s", row(t, c).PausedAt, until(t, c), all[len(all)-1].ScheduledAt, last)
	}
	if n := len(all); n > 12 {
		t.Errorf("%d jobs for 6 ends", n)
	}
}

// TestPauseWaits: a pause takes account of one whose transaction has not ended yet.
func TestPauseWaits(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	c := d.idle(t)
	driver := d.connect()
	tx, err := driver.GetExecutor().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := time.Now().Add(2 * time.Hour).Truncate(time.Second)
	if err := growthgeniusriver.PauseTx(t.Context(), c, driver.UnwrapTx(tx), queue, last); err != nil {
		t.Fatal(err)
	}
	shorter := make(chan error)
	go func() { shorter <- growthgeniusriver.Pause(t.Context(), c, queue, last.Add(-time.Hour)) }()
	time.Sleep(300 * time.Millisecond) // until it waits
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-shorter; err != nil || !until(t, c).Equal(last) {
		t.Errorf("paused until %s, want %s: %v", until(t, c), last, err)
	}
}

// TestPauseTx: a pause is part of the caller's transaction, with the job that ends it.
func TestPauseTx(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	c := d.idle(t)
	for _, commit := range []bool{false, true} {
		driver := d.connect()
		tx, err := driver.GetExecutor().Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := growthgeniusriver.PauseTx(t.Context(), c, driver.UnwrapTx(tx), queue, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if row(t, c).PausedAt != nil {
			t.Error("paused before the transaction has ended")
		}
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		if err := end(t.Context()); err != nil {
			t.Fatal(err)
		}
		if paused, n := row(t, c).PausedAt != nil, len(jobs(t, c, resumeKind)); paused != commit || (n == 2) != commit {
			t.Errorf("committed: %t, paused: %t, with %d jobs", commit, paused, n)
		}
	}
}

// TestPauseRefuses: a pause that could not end is refused, and one that is over changes nothing.
func TestPauseRefuses(t *testing.T) {
	t.Parallel()
	d := sqlite(t)
	c := d.idle(t)
	later := time.Now().Add(time.Hour)
	for _, name := range []string{growthgeniusriver.ResumeQueue, "*"} {
		if err := growthgeniusriver.Pause(t.Context(), c, name, later); err == nil {
			t.Errorf("the queue %s was paused", name)
		}
	}
	if err := growthgeniusriver.Pause(t.Context(), c, "unknown", later); !errors.Is(err, river.ErrNotFound) {
		t.Errorf("of an unknown queue: %v", err)
	}
	if err := growthgeniusriver.Pause(t.Context(), c, queue, time.Now().Add(-2*time.Second)); err != nil || row(t, c).PausedAt != nil {
		t.Errorf("paused until a time that has passed: %v", err)
	}
	if err := growthgeniusriver.Resume(t.Context(), c, "unknown", later); err != nil {
		t.Errorf("resuming a queue that is gone: %v", err)
	}
	bare, err := river.NewClient(d.connect(), &river.Config{Logger: quiet, Workers: river.NewWorkers(), Queues: map[string]river.QueueConfig{queue: {MaxWorkers: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := growthgeniusriver.Pause(t.Context(), bare, queue, later); err == nil || row(t, c).PausedAt != nil {
		t.Errorf("paused by a client that Configure did not set up: %v", err)
	}
}

// TestPauseWithClients: while a queue is paused, no client begins a job. At its end, clients go
// on at once. A job to resume that a person has run early resumes nothing.
func TestPauseWithClients(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	began := make(chan time.Time, 100)
	work := func(context.Context, *river.Job[args]) error {
		began <- time.Now()
		return nil
	}
	a, b := d.client(t, work), d.client(t, work)
	start(t, a)
	start(t, b)
	end := time.Now().Add(6 * time.Second)
	if err := growthgeniusriver.Pause(t.Context(), a, queue, end); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // until the clients know
	for i := range 8 {
		if _, err := b.Insert(t.Context(), args{i}, &river.InsertOpts{Queue: queue}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.JobRetry(t.Context(), jobs(t, b, resumeKind)[0].ID); err != nil { // now
		t.Fatal(err)
	}
	for range 8 {
		if at := <-began; at.Before(end) || at.After(end.Add(4*time.Second)) {
			t.Errorf("a job began %s after the end of the pause", at.Sub(end))
		}
	}
	wait(t, "the job that resumed", func() bool { return jobs(t, a, resumeKind)[0].State == rivertype.JobStateCompleted })
}
