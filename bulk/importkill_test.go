package bulk_test

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

var (
	killRows  = flag.Int("import.rows", 200, "how many rows TestImportKilled has")
	killTimes = flag.Int("import.kills", 4, "how often it kills the process")
	killLate  = flag.Duration("import.late", 0, "how late the server carries out creates whose response is lost")
)

// sampleRows returns rows of which one in fifty has no e-mail address, and is a twin of
// another one. The second half updates what is there.
func sampleRows(n int) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		for i := range n {
			in := growthgenius.ContactInput{
				FullName: growthgenius.Set(fmt.Sprint("Person ", i)), Title: growthgenius.Set("CTO"),
				Email: growthgenius.Set(fmt.Sprintf("person%d@example.com", i)),
			}
			if i%100 < 2 {
				in = growthgenius.ContactInput{FullName: growthgenius.Set(fmt.Sprint("Twin ", i/100))}
			}
			if !yield(bulk.Row{Line: i + 2, Input: in}, nil) {
				return
			}
		}
	}
}

// TestImportKilled: an import that is killed at any moment, and run again each time, has
// applied each row exactly once in the end, although 30% of all requests meet a fault.
func TestImportKilled(t *testing.T) {
	t.Parallel()
	if api := os.Getenv("IMPORT_TEST_URL"); api != "" {
		killedRun(bulk.Import(t.Context(), killedClient(t, api), sampleRows(*killRows), bulk.ImportOptions{}),
			bulk.Created, bulk.Updated, bulk.Unchanged)
	}
	api := growthgeniustest.NewServer(t, growthgeniustest.WithoutRecording())
	seeds := len(api.Contacts())
	for _, f := range growthgeniustest.FaultMix(0.3, 0) {
		if f.Commit {
			f.CommitDelay = *killLate
		}
		api.Inject(f)
	}
	path := filepath.Join(t.TempDir(), "ledger")
	runs, killed := 0, 0
	for ; ; runs++ {
		if runs > 3**killTimes+10 {
			t.Fatalf("not done after %d runs", runs)
		}
		at := 0
		if killed < *killTimes {
			at = (killed + 1) * *killRows / (*killTimes + 1) // creates so far
		}
		code := runKilled(t, api, path, func() bool { return at > 0 && len(api.Ledger()) >= at })
		if code < 0 {
			killed++
		}
		if code == 0 {
			break
		}
	}
	time.Sleep(*killLate)
	names := map[string]int{}
	for _, c := range api.Contacts() {
		names[c.FullName]++
	}
	for row := range sampleRows(*killRows) {
		name, _ := row.Input.FullName.Get()
		want := 1
		if row.Input.Email.IsZero() {
			want = 2
		}
		if names[name] != want {
			t.Errorf("%d contacts of the name %s", names[name], name)
		}
	}
	if n := len(api.Contacts()) - seeds; n != *killRows || n != len(api.Ledger()) || killed < *killTimes {
		t.Errorf("%d contacts of %d rows, %d creates, %d kills", n, *killRows, len(api.Ledger()), killed)
	}
	t.Logf("%d rows, %d runs, %d kills: %d contacts", *killRows, runs+1, killed, len(api.Contacts())-seeds)
}

// runKilled runs this test in a process of its own, and kills it as soon as it is time. It
// returns the exit code, which is negative if it was killed.
func runKilled(t *testing.T, api *growthgeniustest.Server, path string, due func() bool) int {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-import.rows="+strconv.Itoa(*killRows), "-import.late="+killLate.String())
	child.Env = append(os.Environ(), "IMPORT_TEST_URL="+api.URL(), "IMPORT_TEST_KEY="+api.APIKey(), "IMPORT_TEST_LEDGER="+path)
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for !due() {
			select {
			case <-ended:
				return
			case <-time.After(time.Millisecond):
			}
		}
		cancel()
	}()
	out, err := child.CombinedOutput()
	close(ended)
	<-watched
	code := child.ProcessState.ExitCode()
	if code == 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("exit status %d: %s", code, out)
	return code
}

// killedClient returns the client of a process that is killed.
func killedClient(t *testing.T, api string) *growthgenius.Client {
	l, err := ledger.OpenFile(os.Getenv("IMPORT_TEST_LEDGER"), ledger.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return testkit.NewClient(t, os.Getenv("IMPORT_TEST_KEY"), growthgenius.WithHTTPClient(&http.Client{Transport: growthgenius.DefaultTransport()}),
		growthgenius.WithBaseURL(api), growthgenius.WithUserID("1"), growthgenius.WithLedger(l), growthgenius.WithAttemptTimeout(time.Second),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: time.Second + *killLate}),
		growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0))) // the 429s come at random
}

// killedRun is the process that is killed. It ends with the status 0 if all rows have one of the
// given outcomes, and with 4 if some are unknown or have failed.
func killedRun(run *bulk.Run, good ...bulk.Outcome) {
	code := 0
	for r, err := range run.Results() {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		switch {
		case r.Outcome == bulk.Unknown || r.Outcome == bulk.Failed:
			code = 4
		case !slices.Contains(good, r.Outcome):
			fmt.Fprintln(os.Stderr, r)
			os.Exit(1)
		}
	}
	os.Exit(code)
}

// TestUndoKilled: an undo that is killed at any moment, and run again each time, has put back
// all in the end, although 30% of all requests meet a fault.
func TestUndoKilled(t *testing.T) {
	t.Parallel()
	if api := os.Getenv("IMPORT_TEST_URL"); api != "" {
		killedRun(bulk.Undo(t.Context(), killedClient(t, api), sampleRows(*killRows), bulk.UndoOptions{Apply: true}),
			bulk.Deleted, bulk.Restored, bulk.Unchanged)
	}
	api := &testkit.Server{Server: growthgeniustest.NewServer(t, growthgeniustest.WithoutRecording())}
	for row := range sampleRows(*killRows) {
		if email, _ := row.Input.Email.Get(); row.Line%2 == 0 && email != "" {
			api.AddContacts(growthgenius.Contact{Email: email, Title: "CFO"})
		}
	}
	before := snapshot(t, api)
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := ledger.OpenFile(path, ledger.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	results(t, bulk.Import(t.Context(), api.Client(growthgenius.WithLedger(l)), sampleRows(*killRows), bulk.ImportOptions{}))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	imported := snapshot(t, api)
	for _, f := range growthgeniustest.FaultMix(0.3, 0) {
		api.Inject(f)
	}
	left := func() int { // how many contacts are as the import has left them
		n := 0
		now := snapshot(t, api)
		for _, c := range imported {
			if _, found := slices.BinarySearch(now, c); found {
				n++
			}
		}
		return n
	}
	runs, killed, all := 0, 0, left()
	for code := -1; code != 0; runs++ {
		if runs > 3**killTimes+10 {
			t.Fatalf("not done after %d runs", runs)
		}
		at := all * (*killTimes - killed) / (*killTimes + 1)
		if code = runKilled(t, api.Server, path, func() bool { return killed < *killTimes && left() <= at }); code < 0 {
			killed++
		}
	}
	expect(t, snapshot(t, api), before...)
	if killed < *killTimes {
		t.Errorf("%d kills", killed)
	}
	t.Logf("%d rows, %d runs, %d kills", *killRows, runs, killed)
}
