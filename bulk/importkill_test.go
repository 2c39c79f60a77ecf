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
		killedImport(t, api)
		return
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
		code := runImport(t, api, at, "IMPORT_TEST_URL="+api.URL(), "IMPORT_TEST_KEY="+api.APIKey(), "IMPORT_TEST_LEDGER="+path)
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

// runImport runs the process, and kills it when the server has carried out a number of
// creates, unless that is 0. It returns the exit code, which is negative if it was killed.
func runImport(t *testing.T, api *growthgeniustest.Server, creates int, env ...string) int {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestImportKilled$", "-import.rows="+strconv.Itoa(*killRows), "-import.late="+killLate.String())
	child.Env = append(os.Environ(), env...)
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for creates > 0 && len(api.Ledger()) < creates {
			select {
			case <-ended:
				return
			case <-time.After(time.Millisecond):
			}
		}
		if creates > 0 {
			cancel()
		}
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

// killedImport is the process that is killed.
func killedImport(t *testing.T, api string) {
	l, err := ledger.OpenFile(os.Getenv("IMPORT_TEST_LEDGER"), ledger.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	transport := growthgenius.DefaultTransport()
	c := testkit.NewClient(t, os.Getenv("IMPORT_TEST_KEY"), growthgenius.WithHTTPClient(&http.Client{Transport: transport}),
		growthgenius.WithBaseURL(api), growthgenius.WithUserID("1"), growthgenius.WithLedger(l), growthgenius.WithAttemptTimeout(time.Second),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: time.Second + *killLate}),
		growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0))) // the 429s come at random
	counts := map[bulk.Outcome]int{}
	for r, err := range bulk.Import(t.Context(), c, sampleRows(*killRows), bulk.ImportOptions{}).Results() {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		counts[r.Outcome]++
	}
	if counts[bulk.Created]+counts[bulk.Unchanged]+counts[bulk.Updated] != *killRows {
		os.Exit(4) // some are unknown or have failed
	}
	os.Exit(0)
}
