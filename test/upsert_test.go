package test

import (
	"context"
	crand "crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

var (
	upsertProcesses = flag.Int("upsert.processes", 4, "how many processes TestUpsertsOfAFleet has")
	upsertKeys      = flag.Int("upsert.keys", 20, "how many addresses they upsert")
	upsertTimes     = flag.Int("upsert.times", 10, "how often each of them")
)

// TestUpsertsOfAFleet: processes that share a ledger upsert the same addresses, while 30% of
// all requests meet a fault, search is 3 s late, and one process is killed every second. In
// the end there is one contact of each address.
func TestUpsertsOfAFleet(t *testing.T) {
	t.Parallel()
	if api := os.Getenv("UPSERT_TEST_URL"); api != "" {
		upsertJobs(t, api, os.Getenv("UPSERT_TEST_KEY"), os.Getenv("UPSERT_TEST_FLEET"))
		return
	}
	api := growthgeniustest.NewServer(t, growthgeniustest.WithoutRecording(), growthgeniustest.WithSearchLag(3*time.Second))
	api.Inject(growthgeniustest.FaultMix(0.3, 0)...)
	jobs := newJobs(*upsertKeys * *upsertTimes)
	mux := newLedgerServer()
	mux.HandleFunc("POST /job", jobs.next)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)

	ctx, finish := context.WithCancel(t.Context())
	defer finish()
	kill := make(chan struct{})
	killed := 0
	go func() {
		defer close(kill)
		for tick := time.NewTicker(time.Second); ; killed++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			select {
			case kill <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	var group sync.WaitGroup
	for range *upsertProcesses {
		group.Go(func() {
			for !jobs.done() {
				runUpserts(t, jobs, kill, "UPSERT_TEST_URL="+api.URL(), "UPSERT_TEST_KEY="+api.APIKey(), "UPSERT_TEST_FLEET="+srv.URL)
			}
		})
	}
	group.Wait()
	finish()
	<-kill
	addresses := map[string]int{}
	for _, c := range api.Contacts() {
		addresses[strings.ToLower(c.Email)]++
	}
	for i := range *upsertKeys {
		if n := addresses[address(i)]; n != 1 {
			t.Errorf("%d contacts with %s", n, address(i))
		}
	}
	t.Logf("%d processes, %d addresses, %d upserts of each, %d kills: %d contacts; %s",
		*upsertProcesses, *upsertKeys, *upsertTimes, killed, len(api.Contacts()), jobs)
}

// address is that of job i.
func address(i int) string { return fmt.Sprintf("ada%d@example.com", i%*upsertKeys) }

// runUpserts runs one process until no jobs are left or it is killed.
func runUpserts(t *testing.T, jobs *jobs, kill <-chan struct{}, env ...string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	name := crand.Text()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestUpsertsOfAFleet$", fmt.Sprint("-upsert.keys=", *upsertKeys))
	child.Env = append(append(os.Environ(), "UPSERT_TEST_NAME="+name), env...)
	ended := make(chan struct{})
	go func() {
		select {
		case <-kill:
			cancel()
		case <-ended:
		}
	}()
	out, err := child.CombinedOutput()
	close(ended)
	if err != nil && ctx.Err() == nil {
		t.Errorf("a process failed: %v\n%s", err, out)
	}
	jobs.orphan(name)
}

// jobs are handed out to processes. Those of a process that was killed are handed out again.
type jobs struct {
	mu      sync.Mutex
	queue   []int
	working map[string][]int // by the name of the process; nil for one that was killed
	errs    map[string]int   // what the upserts returned, by the sentinel
}

func newJobs(n int) *jobs {
	return &jobs{queue: rand.Perm(n), working: map[string][]int{}, errs: map[string]int{}}
}

// next responds with a job, with nothing while only other processes have some, and with
// "done" in the end.
func (j *jobs) next(w http.ResponseWriter, r *http.Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	name := r.FormValue("name")
	if working, known := j.working[name]; known && working == nil {
		return // it sent this before it was killed
	}
	if n, err := strconv.Atoi(r.FormValue("done")); err == nil {
		j.working[name] = slices.DeleteFunc(j.working[name], func(i int) bool { return i == n })
	}
	for _, kind := range r.Form["err"] {
		j.errs[kind]++
	}
	switch {
	case len(j.queue) > 0:
		job := j.queue[0]
		j.queue = j.queue[1:]
		j.working[name] = append(j.working[name], job)
		fmt.Fprint(w, job)
	case j.idle():
		fmt.Fprint(w, "done")
	}
}

func (j *jobs) idle() bool {
	for _, working := range j.working {
		if len(working) > 0 {
			return false
		}
	}
	return len(j.queue) == 0
}

func (j *jobs) done() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.idle()
}

func (j *jobs) orphan(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(j.queue, j.working[name]...)
	j.working[name] = nil
}

// String returns how often upserts had to be called again, and why.
func (j *jobs) String() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(j.errs)) {
		parts = append(parts, fmt.Sprintf("%d × %s", j.errs[kind], kind))
	}
	return "called again: " + strings.Join(parts, ", ")
}

// upsertJobs is the process that is killed.
func upsertJobs(t *testing.T, apiURL, key, fleet string) {
	transport := growthgenius.DefaultTransport()
	t.Cleanup(transport.CloseIdleConnections)
	plain := &http.Client{Transport: transport}
	c := testkit.NewClient(t, key, growthgenius.WithHTTPClient(plain), growthgenius.WithBaseURL(apiURL), growthgenius.WithUserID("1"),
		growthgenius.WithLedger(remoteLedger{fleet, plain}), growthgenius.WithAttemptTimeout(time.Second),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: time.Second}),
		growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0))) // the 429s come at random
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			form := url.Values{"name": {os.Getenv("UPSERT_TEST_NAME")}}
			for {
				res, err := plain.PostForm(fleet+"/job", form)
				if err != nil {
					return // the test has ended
				}
				text, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				form.Del("done")
				form.Del("err")
				job, err := strconv.Atoi(string(text))
				switch {
				case string(text) == "done":
					return
				case err != nil:
					time.Sleep(50 * time.Millisecond)
					continue
				}
				form["err"] = upsertUntilDone(t, c, job)
				form.Set("done", strconv.Itoa(job))
			}
		})
	}
	group.Wait()
}

// upsertUntilDone upserts until there is no error, and returns the errors that there were.
func upsertUntilDone(t *testing.T, c *growthgenius.Client, job int) (kinds []string) {
	in := growthgenius.ContactInput{Email: growthgenius.Set(address(job)), Title: growthgenius.Set(fmt.Sprint("Title ", job%3))}
	if job%2 == 1 {
		in.Email = growthgenius.Set(strings.ToUpper(address(job)))
	}
	for range 20 {
		_, err := c.Contacts.Upsert(t.Context(), in)
		if err == nil {
			return kinds
		}
		kind, isFinal := kindOf(err)
		if isFinal {
			t.Error(err)
			return kinds
		}
		kinds = append(kinds, kind)
	}
	t.Errorf("%d upserts of %s failed: %q", len(kinds), address(job), kinds)
	return kinds
}

// final are the errors that calling an upsert again does not mend: none of them should come up.
var final = []error{
	growthgenius.ErrInvalidInput, growthgenius.ErrBadRequest, growthgenius.ErrUnauthorized, growthgenius.ErrForbidden,
	growthgenius.ErrNotFound, growthgenius.ErrConflict, growthgenius.ErrValidation, growthgenius.ErrChangedSince,
	growthgenius.ErrPending, growthgenius.ErrRedirected, growthgenius.ErrResponseTooLarge, growthgenius.ErrMultipleMatches,
	growthgenius.ErrPartialResults, growthgenius.ErrKeyReused, growthgenius.ErrKeyDeleted,
}

// kindOf names the kind of an error of an upsert, and reports whether it is final.
func kindOf(err error) (kind string, isFinal bool) {
	for sentinel, name := range map[error]string{
		growthgenius.ErrOutcomeUnknown: "outcome unknown", growthgenius.ErrServer: "5xx", growthgenius.ErrRateLimited: "429",
		growthgenius.ErrDecode: "not a record", growthgenius.ErrLeaseLost: "lease lost",
	} {
		if errors.Is(err, sentinel) {
			return name, false
		}
	}
	return "no response", slices.ContainsFunc(final, func(sentinel error) bool { return errors.Is(err, sentinel) })
}
