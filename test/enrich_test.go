package test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

var (
	enrichProcesses = flag.Int("enrich.processes", 4, "how many processes TestEnrichOfAFleet has")
	enrichKills     = flag.Int("enrich.kills", 5, "how many of them are killed")
	enrichKeys      = flag.Int("enrich.keys", 200, "how many different companies they look up")
)

// enrichConcurrency is how many lookups a process makes at a time.
const enrichConcurrency = 8

// TestEnrichOfAFleet: processes that share a cache, a ledger and a budget look up the same
// companies, in different orders, and are killed as they do. In the end each company was asked
// for once, but for those that were under way when a process was killed, which are asked for
// again. A second run sends nothing.
func TestEnrichOfAFleet(t *testing.T) {
	t.Parallel()
	if api := os.Getenv("ENRICH_TEST_URL"); api != "" {
		fmt.Println("outcomes:", enrichAll(t, api, os.Getenv("ENRICH_TEST_KEY"), os.Getenv("ENRICH_TEST_FLEET")))
		return
	}
	api := growthgeniustest.NewServer(t)
	api.Inject(growthgeniustest.Fault{Delay: 20 * time.Millisecond})
	for i := 0; i < *enrichKeys; i += 2 { // the others are not known
		api.AddCompany(enrichDomain(i), growthgenius.Company{ID: fmt.Sprint(i), Name: fmt.Sprint("Company ", i)})
	}
	mux := newLedgerServer()
	mux.Handle("/cache", &cacheServer{memory: growthgenius.NewMemoryCache(0)})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)

	kill := make(chan struct{})
	ctx, finish := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range *enrichProcesses {
		group.Go(func() {
			for killed := true; killed; {
				killed = runEnrich(t, kill, "ENRICH_TEST_URL="+api.URL(), "ENRICH_TEST_KEY="+api.APIKey(), "ENRICH_TEST_FLEET="+srv.URL)
			}
		})
	}
	killed := make(chan int)
	go func() {
		defer close(killed)
		for n := range *enrichKills {
			for len(api.Requests()) < (n+1)**enrichKeys/(*enrichKills+1) && ctx.Err() == nil {
				time.Sleep(5 * time.Millisecond)
			}
			select {
			case kill <- struct{}{}:
			case <-ctx.Done():
				killed <- n
				return
			}
		}
		killed <- *enrichKills
	}()
	group.Wait()
	finish()
	kills := <-killed
	times := map[string]int{}
	for _, r := range api.Requests() {
		times[r.Query]++
	}
	repeated := len(api.Requests()) - len(times)
	if kills != *enrichKills || len(times) != *enrichKeys || repeated > kills*enrichConcurrency {
		t.Errorf("%d kills, %d companies were asked for, %d requests were repeated", kills, len(times), repeated)
	}
	before := len(api.Requests())
	if got, want := enrichAll(t, api.URL(), api.APIKey(), srv.URL), fmt.Sprintf("map[found:%d not found:%d]", (*enrichKeys+1)/2, *enrichKeys/2); got != want {
		t.Errorf("the second run: %s, want %s", got, want)
	}
	if n := len(api.Requests()) - before; n != 0 {
		t.Errorf("the second run sent %d requests", n)
	}
	t.Logf("%d processes, %d kills: %d companies in %d requests, %d of them repeated", *enrichProcesses, kills, len(times), before, repeated)
}

func enrichDomain(i int) string { return fmt.Sprintf("company%d.com", i) }

// runEnrich runs one process, and reports whether it was killed.
func runEnrich(t *testing.T, kill <-chan struct{}, env ...string) (killed bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestEnrichOfAFleet$", fmt.Sprint("-enrich.keys=", *enrichKeys))
	child.Env = append(os.Environ(), env...)
	ended := make(chan struct{})
	watched := make(chan bool)
	go func() {
		select {
		case <-kill:
			cancel()
			watched <- true
		case <-ended:
			watched <- false
		}
	}()
	out, err := child.CombinedOutput()
	close(ended)
	if killed = <-watched; killed {
		return true
	}
	if err != nil || strings.Contains(string(out), "failed") || strings.Contains(string(out), "skipped") {
		t.Errorf("a process failed: %v\n%s", err, out)
	}
	return false
}

// enrichAll is the process that is killed. It returns how many results there are by outcome.
func enrichAll(t *testing.T, apiURL, key, fleet string) string {
	transport := growthgenius.DefaultTransport()
	t.Cleanup(transport.CloseIdleConnections)
	plain := &http.Client{Transport: transport}
	c := testkit.NewClient(t, key, growthgenius.WithHTTPClient(plain), growthgenius.WithBaseURL(apiURL), growthgenius.WithUserID("1"),
		growthgenius.WithLedger(remoteLedger{fleet, plain}), growthgenius.WithEnrichmentCache(remoteCache{fleet, plain}),
		growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0)))
	counts := map[bulk.Outcome]int{}
	o := bulk.EnrichOptions{
		Concurrency: enrichConcurrency, BudgetName: "fleet",
		// A kill right after a lookup was counted takes it from the budget.
		Budget: new(*enrichKeys + *enrichKills*enrichConcurrency),
	}
	for r, err := range bulk.Enrich(t.Context(), c, shuffled(*enrichKeys), o).Results() {
		if err != nil {
			t.Fatal(err)
		}
		counts[r.Outcome]++
	}
	return fmt.Sprint(counts)
}

func shuffled(n int) iter.Seq2[bulk.Lookup, error] {
	return func(yield func(bulk.Lookup, error) bool) {
		for _, i := range rand.Perm(n) {
			if !yield(bulk.Lookup{Domain: enrichDomain(i)}, nil) {
				return
			}
		}
	}
}

// cacheServer shares a cache between processes.
type cacheServer struct{ memory *growthgenius.MemoryCache }

func (s *cacheServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.URL.Query().Get("key")
	if r.Method == http.MethodPut {
		value, err := io.ReadAll(r.Body)
		if err != nil {
			return // it was killed
		}
		_ = s.memory.Set(r.Context(), key, value, time.Hour)
		return
	}
	value, ok, _ := s.memory.Get(r.Context(), key)
	if !ok {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write(value)
}

// remoteCache is a cache on a cacheServer.
type remoteCache struct {
	url  string
	http *http.Client
}

// Get implements growthgenius.EnrichmentCache.
func (c remoteCache) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	return c.call(ctx, http.MethodGet, key, "")
}

// Set implements growthgenius.EnrichmentCache.
func (c remoteCache) Set(ctx context.Context, key string, value []byte, _ time.Duration) error {
	_, _, err := c.call(ctx, http.MethodPut, key, string(value))
	return err
}

func (c remoteCache) call(ctx context.Context, method, key, body string) (value []byte, ok bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+"/cache?key="+url.QueryEscape(key), strings.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, false, err
	}
	value, err = io.ReadAll(res.Body)
	return value, res.StatusCode == http.StatusOK, errors.Join(err, res.Body.Close())
}
