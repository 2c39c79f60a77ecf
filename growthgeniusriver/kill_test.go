package growthgeniusriver_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniusriver"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// greet creates the contact of a job.
func greet(sdk *growthgenius.Client) func(context.Context, *river.Job[args]) error {
	return func(ctx context.Context, job *river.Job[args]) error {
		_, err := sdk.Contacts.Create(ctx, growthgenius.ContactInput{FirstName: growthgenius.Set("Ana")}, growthgeniusriver.Once(job.JobRow, "contact"))
		return err
	}
}

// sdk returns a client of the server with a ledger in a file.
func sdk(url, key, file string) (*growthgenius.Client, *ledger.File, error) {
	l, err := ledger.OpenFile(file, ledger.FileOptions{})
	if err != nil {
		return nil, nil, err
	}
	c, err := growthgenius.NewClient(key, growthgenius.WithBaseURL(url), growthgenius.WithUserID("1"), growthgenius.WithLedger(l),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: 100 * time.Millisecond}))
	return c, l, err
}

// dieWithJob works jobs until it is killed.
func dieWithJob() int {
	ctx := context.Background()
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	client, _, err := sdk(os.Getenv("URL"), os.Getenv("KEY"), os.Getenv("LEDGER"))
	if err != nil {
		return fail(err)
	}
	pool, err := pgxpool.New(ctx, os.Getenv("DSN"))
	if err != nil {
		return fail(err)
	}
	config := &river.Config{Queues: map[string]river.QueueConfig{queue: {MaxWorkers: 1}}, Workers: river.NewWorkers(), Logger: quiet, LeaderElectionDisabled: true}
	river.AddWorker(config.Workers, river.WorkFunc(greet(client)))
	driver := riverpgxv5.New(pool)
	if err := growthgeniusriver.Configure(driver, config, growthgeniusriver.Options{}); err != nil {
		return fail(err)
	}
	c, err := river.NewClient(driver, config)
	if err != nil {
		return fail(err)
	}
	if err := c.Start(ctx); err != nil {
		return fail(err)
	}
	select {}
}

// TestKill: a process is killed after its create was carried out, and before it learned that.
// River rescues the job 6 minutes after the attempt began, not an hour, and the next attempt
// finds the contact.
func TestKill(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	c := d.idle(t)
	inserted, err := c.Insert(t.Context(), args{}, &river.InsertOpts{Queue: queue})
	if err != nil {
		t.Fatal(err)
	}
	srv := growthgeniustest.NewServer(t)
	srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Hang, Commit: true, Times: 1})
	file := filepath.Join(t.TempDir(), "ledger")
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), processEnv+"=1", "DSN="+d.dsn, "URL="+srv.URL(), "KEY="+srv.APIKey(), "LEDGER="+file)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the contact", func() bool { return len(srv.Contacts()) == 1 })
	_ = child.Process.Kill()
	_ = child.Wait()
	srv.ClearFaults() // what hangs ends

	client, l, err := sdk(srv.URL(), srv.APIKey(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// As if so much time had passed.
	d.exec(t, "UPDATE river_job SET attempted_at = attempted_at - interval '361 seconds' WHERE id = $1", inserted.Job.ID)
	start(t, d.client(t, greet(client)))
	var job *rivertype.JobRow
	wait(t, "the job", func() bool {
		if job, err = c.JobGet(t.Context(), inserted.Job.ID); err != nil {
			t.Fatal(err)
		}
		return job.State == rivertype.JobStateCompleted
	})
	if n := len(srv.Contacts()); n != 1 || job.Attempt != 2 {
		t.Errorf("%d contacts after %d attempts", n, job.Attempt)
	}
}

// TestPauseOutlivesItsJob: if the process is killed that has the job at the end of a pause, the
// second job resumes the queue.
func TestPauseOutlivesItsJob(t *testing.T) {
	t.Parallel()
	d := postgres(t)
	c := d.idle(t)
	end := pauseFor(t, c, 2*time.Second)
	resumes := jobs(t, c, resumeKind)
	d.exec(t, "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() WHERE id = $1", resumes[0].ID)
	d.exec(t, "UPDATE river_job SET scheduled_at = $1, state = 'available' WHERE id = $2", end, resumes[1].ID)
	start(t, d.client(t, func(context.Context, *river.Job[args]) error { return nil }))
	wait(t, "the end of the pause", func() bool { return row(t, c).PausedAt == nil })
	if time.Now().Before(end) {
		t.Error("the pause was cut short")
	}
}
