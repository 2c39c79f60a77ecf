package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// lookups is an input.
func lookups(texts ...string) iter.Seq2[bulk.Lookup, error] {
	return func(yield func(bulk.Lookup, error) bool) {
		for _, text := range texts {
			if !yield(bulk.LookupOf(text), nil) {
				return
			}
		}
	}
}

// domains returns n domains from the first one on.
func domains(first, n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("company%d.com", first+i)
	}
	return texts
}

// unlimited has no limit of the rate.
var unlimited = growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0))

// enriching runs a test in a bubble with a server that knows companies and a person, and
// a client that has a cache and a ledger.
func enriching(t *testing.T, test func(t *testing.T, srv *testkit.Server, c *growthgenius.Client)) {
	t.Helper()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		for _, domain := range domains(0, 60) {
			srv.AddCompany(domain, growthgenius.Company{ID: domain, Name: domain})
		}
		test(t, srv, srv.NewClient(unlimited, growthgenius.WithEnrichmentCache(growthgenius.NewMemoryCache(0)), growthgenius.WithLedger(ledger.NewMemory())))
	})
}

// enrich returns the results in the order of the input, and how the run ended.
func enrich(ctx context.Context, c *growthgenius.Client, o bulk.EnrichOptions, texts ...string) (all []*bulk.Enriched, err error) {
	for result, failed := range bulk.Enrich(ctx, c, lookups(texts...), o).Results() {
		if failed != nil {
			err = failed
			continue
		}
		all = append(all, result)
	}
	slices.SortFunc(all, func(a, b *bulk.Enriched) int { return a.Index - b.Index })
	return all, err
}

// statuses counts the results.
func statuses(all []*bulk.Enriched) string {
	counts := map[string]int{}
	for _, r := range all {
		counts[string(r.Outcome)]++
		if r.Paid {
			counts["paid"]++
		}
		if r.Repeated {
			counts["repeated"]++
		}
	}
	parts := make([]string, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

// asked returns how many lookups the server has received, and how many different ones.
func asked(srv *testkit.Server) (all, different int) {
	seen := map[string]bool{}
	for _, r := range srv.Requests() {
		seen[r.Route+" "+r.Query] = true
	}
	return len(srv.Requests()), len(seen)
}

// TestEnrich: each lookup has one result, the cost is told before, each different lookup is
// sent once, and a second run sends nothing.
func TestEnrich(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, c *growthgenius.Client) {
		input := []string{
			"company1.com", "https://www.COMPANY1.com/about", "n/a", "Elon@Tesla.com", "nobody@example.com",
			"company2.com", "unknown.example.com", "elon@tesla.com", "a@b@c", "", "company1.com",
		}
		cost, err := bulk.EnrichCost(t.Context(), c, lookups(input...), bulk.EnrichOptions{})
		if want := (bulk.Cost{Inputs: 11, Rejected: 3, Duplicates: 3, Lookups: 5, Allowed: 5}); cost != want || err != nil {
			t.Errorf("the cost is %+v, %v; want %+v", cost, err, want)
		}
		if got, want := cost.String(), "11 lookups: 5 to pay, 0 cached, 3 repeated, 3 not valid"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if n, _ := asked(srv); n != 0 {
			t.Errorf("the cost took %d requests", n)
		}
		all, err := enrich(t.Context(), c, bulk.EnrichOptions{}, input...)
		if got, want := statuses(all), "found 6, not found 2, paid 5, rejected 3"; got != want || err != nil {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		for i, r := range all {
			if r.Index != i || r.Lookup != bulk.LookupOf(input[i]) || (r.Err == nil) != (r.Outcome != bulk.Rejected) {
				t.Errorf("result %d: %+v", i, r)
			}
		}
		if r := all[1]; r.Company == nil || r.Company.Name != "company1.com" || r.Person != nil {
			t.Errorf("of a company: %+v", r)
		}
		if r := all[3]; r.Person == nil || r.Person.FirstName != "elon" || r.Company != nil {
			t.Errorf("of a person: %+v", r)
		}
		if r := all[9]; r.Err == nil || !strings.Contains(r.Err.Error(), "the lookup is empty") {
			t.Errorf("empty: %v", r.Err)
		}
		if r := all[6]; r.Company != nil || r.Person != nil {
			t.Errorf("of nothing: %+v", r)
		}
		if r := all[2]; !errors.Is(r.Err, growthgenius.ErrInvalidInput) || !strings.Contains(r.Err.Error(), "domain") {
			t.Errorf("invalid: %v", r.Err)
		}
		all, err = enrich(t.Context(), c, bulk.EnrichOptions{}, input...)
		if got, want := statuses(all), "found 6, not found 2, rejected 3"; got != want || err != nil {
			t.Errorf("again: %s, %v; want %s", got, err, want)
		}
		if all, different := asked(srv); all != 5 || different != 5 {
			t.Errorf("%d requests, %d different ones; want 5", all, different)
		}
		cost, err = bulk.EnrichCost(t.Context(), c, lookups(input...), bulk.EnrichOptions{})
		if want := (bulk.Cost{Inputs: 11, Rejected: 3, Duplicates: 3, Cached: 5}); cost != want || err != nil {
			t.Errorf("the cost is %+v, %v; want %+v", cost, err, want)
		}
	})
}

// TestLookupOf tells addresses from domains.
func TestLookupOf(t *testing.T) {
	t.Parallel()
	for text, person := range map[string]bool{
		"ana@example.com": true, " ana@example.com ": true, "@": true,
		"example.com": false, "https://medium.com/@ana": false, "medium.com/@ana": false, "": false,
	} {
		want := bulk.Lookup{Domain: text}
		if person {
			want = bulk.Lookup{Person: growthgenius.PersonQuery{Email: text}}
		}
		if got := bulk.LookupOf(text); got != want {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// TestEnrichRefuses what cannot work before anything is sent.
func TestEnrichRefuses(t *testing.T) {
	t.Parallel()
	cache := growthgenius.WithEnrichmentCache(growthgenius.NewMemoryCache(0))
	user := growthgenius.WithUserID("1")
	for name, tt := range map[string]struct {
		c    *growthgenius.Client
		o    bulk.EnrichOptions
		want string
	}{
		"no cache":            {testkit.Unused(t, user), bulk.EnrichOptions{}, "WithEnrichmentCache"},
		"no user":             {testkit.Unused(t, cache).ForUser(""), bulk.EnrichOptions{}, "WithUserID"},
		"a name alone":        {testkit.Unused(t, cache, user, growthgenius.WithLedger(ledger.NewMemory())), bulk.EnrichOptions{BudgetName: "x"}, "Budget"},
		"a name, but nowhere": {testkit.Unused(t, cache, user), bulk.EnrichOptions{BudgetName: "x", Budget: new(5)}, "WithLedger"},
	} {
		_, costErr := bulk.EnrichCost(t.Context(), tt.c, lookups("tesla.com"), tt.o)
		all, err := enrich(t.Context(), tt.c, tt.o, "tesla.com")
		for _, err := range []error{err, costErr} {
			if !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), tt.want) || all != nil {
				t.Errorf("%s: %v, %v", name, all, err)
			}
		}
	}
	c := testkit.Unused(t, cache, user)
	both := func(yield func(bulk.Lookup, error) bool) {
		yield(bulk.Lookup{Domain: "tesla.com", Person: growthgenius.PersonQuery{Email: "elon@tesla.com"}}, nil)
	}
	for r, err := range bulk.Enrich(t.Context(), c, both, bulk.EnrichOptions{}).Results() {
		if err != nil || r.Outcome != bulk.Rejected || !errors.Is(r.Err, growthgenius.ErrInvalidInput) {
			t.Errorf("a domain and a person: %+v, %v", r, err)
		}
	}
}

// queued makes the server respond with 202 so many times.
func queued(srv *testkit.Server, times int) {
	srv.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteCompany, Status: 202, Times: times})
}

// TestEnrichPending: what the API has queued is asked for again when all else is done, and
// counts once. Nothing waits for longer than PendingWait.
func TestEnrichPending(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, c *growthgenius.Client) {
		queued(srv, 3)
		begun := time.Now()
		all, err := enrich(t.Context(), c, bulk.EnrichOptions{Concurrency: 1, Budget: new(2)}, "company1.com", "company2.com")
		if got, want := statuses(all), "found 2, paid 2"; got != want || err != nil {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		if took := time.Since(begun).Round(time.Second); took != 15*time.Second { // 5, and 10 for the one of them
			t.Errorf("it took %v", took)
		}
		queued(srv, 1000)
		sent, _ := asked(srv)
		begun = time.Now()
		all, err = enrich(t.Context(), c, bulk.EnrichOptions{}, "company3.com")
		if got, want := statuses(all), "paid 1, pending 1"; got != want || err != nil || !errors.Is(all[0].Err, growthgenius.ErrPending) {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		if took := time.Since(begun).Round(time.Second); took != 2*time.Minute {
			t.Errorf("it took %v", took)
		}
		after, _ := asked(srv)
		if n := after - sent; n != 7 { // after 0, 5, 15, 35, 65, 95 and 120 seconds
			t.Errorf("%d requests", n)
		}
		srv.ClearFaults()
		all, err = enrich(t.Context(), c, bulk.EnrichOptions{}, "company3.com")
		if got, want := statuses(all), "found 1, paid 1, repeated 1"; got != want || err != nil {
			t.Errorf("the next run: %s, %v; want %s", got, err, want)
		}
		queued(srv, 1)
		all, err = enrich(t.Context(), c, bulk.EnrichOptions{PendingWait: -1}, "company4.com")
		if got, want := statuses(all), "paid 1, pending 1"; got != want || err != nil {
			t.Errorf("without a wait: %s, %v; want %s", got, err, want)
		}
	})
}

// TestEnrichBudget: a spent budget is reported for each lookup that it does not allow, and
// what the cache has is free.
func TestEnrichBudget(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, c *growthgenius.Client) {
		o := bulk.EnrichOptions{Budget: new(3)}
		all, err := enrich(t.Context(), c, o, domains(0, 10)...)
		if got, want := statuses(all), "found 3, paid 3, skipped 7"; got != want || err != nil {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		for _, r := range all {
			if (r.Outcome == bulk.Skipped) != errors.Is(r.Err, bulk.ErrBudgetSpent) {
				t.Errorf("%+v", r)
			}
		}
		cost, err := bulk.EnrichCost(t.Context(), c, lookups(domains(0, 10)...), o)
		if want := (bulk.Cost{Inputs: 10, Cached: 3, Lookups: 7, Allowed: 3}); cost != want || err != nil {
			t.Errorf("the cost is %+v, %v; want %+v", cost, err, want)
		}
		if got, want := cost.String(), "10 lookups: 7 to pay (3 of them within the budget), 3 cached, 0 repeated, 0 not valid"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		all, err = enrich(t.Context(), c, bulk.EnrichOptions{Budget: new(0)}, domains(0, 10)...)
		if got, want := statuses(all), "found 3, skipped 7"; got != want || err != nil {
			t.Errorf("a budget of 0: %s, %v; want %s", got, err, want)
		}
		srv.Inject(growthgeniustest.Fault{Route: growthgeniustest.RouteCompany, Status: 422, Times: 4})
		all, err = enrich(t.Context(), c, bulk.EnrichOptions{Budget: new(1), Concurrency: 1}, domains(0, 10)...)
		if got, want := statuses(all), "failed 4, found 4, paid 1, skipped 2"; got != want || err != nil {
			t.Errorf("after refusals: %s, %v; want %s", got, err, want)
		}
		srv.Inject(growthgeniustest.Fault{Status: 503, Times: 1}, growthgeniustest.Fault{Status: 422, Times: 1})
		all, err = enrich(t.Context(), c, bulk.EnrichOptions{Budget: new(1), Concurrency: 1}, domains(0, 10)...)
		if got, want := statuses(all), "failed 1, found 4, paid 1, skipped 5"; got != want || err != nil {
			t.Errorf("a refusal of a second attempt: %s, %v; want %s", got, err, want)
		}
		all, err = enrich(t.Context(), c, bulk.EnrichOptions{}, domains(0, 10)...)
		if got, want := statuses(all), "found 10, paid 6, repeated 1"; got != want || err != nil {
			t.Errorf("in the end: %s, %v; want %s", got, err, want)
		}
	})
}

// TestNamedBudget: all runs that give its name share a budget.
func TestNamedBudget(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, _ *testkit.Server, c *growthgenius.Client) {
		o := bulk.EnrichOptions{Budget: new(5), BudgetName: "november"}
		for i, want := range []string{"found 3, paid 3", "found 2, paid 2, skipped 1", "skipped 3"} {
			all, err := enrich(t.Context(), c, o, domains(10*i, 3)...)
			if got := statuses(all); got != want || err != nil {
				t.Errorf("run %d: %s, %v; want %s", i, got, err, want)
			}
		}
		cost, err := bulk.EnrichCost(t.Context(), c, lookups(domains(50, 3)...), o)
		if want := (bulk.Cost{Inputs: 3, Lookups: 3}); cost != want || err != nil {
			t.Errorf("the cost is %+v, %v; want %+v", cost, err, want)
		}
		o.Budget = new(3)
		if cost, err = bulk.EnrichCost(t.Context(), c, lookups(domains(50, 3)...), o); cost.Allowed != 0 || err != nil {
			t.Errorf("the cost with a smaller budget is %+v, %v", cost, err)
		}
		o.BudgetName, o.Budget = "december", new(5)
		if all, err := enrich(t.Context(), c, o, domains(50, 3)...); statuses(all) != "found 3, paid 3" || err != nil {
			t.Errorf("another budget: %s, %v", statuses(all), err)
		}
	})
}

// TestEnrichAfterAKill: a lookup that an earlier run sent without storing the result is sent
// again, and marked. In a budget of the same name it counts once.
func TestEnrichAfterAKill(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, _ *testkit.Server, c *growthgenius.Client) {
		key, err := c.Enrichment.CompanyKey("company1.com")
		if err != nil {
			t.Fatal(err)
		}
		record := func(key, note string) {
			t.Helper()
			lease, err := c.Ledger().Acquire(t.Context(), key)
			if err == nil {
				err = lease.Record(t.Context(), growthgenius.Entry{Note: []byte(note)})
			}
			if err = errors.Join(err, lease.Release(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		record("enrich/"+key, `{"sent":"2026-01-02T03:04:05Z","budget":"november"}`)
		record("enrich-budget/november", `{"spent":1}`)
		o := bulk.EnrichOptions{Budget: new(2), BudgetName: "november"}
		all, err := enrich(t.Context(), c, o, domains(1, 3)...)
		if got, want := statuses(all), "found 2, paid 2, repeated 1, skipped 1"; got != want || err != nil || !all[0].Repeated {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		lease, err := c.Ledger().Acquire(t.Context(), "enrich/"+key)
		if err != nil {
			t.Fatal(err)
		}
		record("enrich/"+strings.Replace(key, "company1", "company7", 1), `{"sent":"2026-01-02T03:04:05Z","budget":"october"}`)
		all, err = enrich(t.Context(), c, o, "company7.com")
		if got, want := statuses(all), "repeated 1, skipped 1"; got != want || err != nil {
			t.Errorf("counted in another budget: %s, %v; want %s", got, err, want)
		}
		if !lease.Entry().IsZero() {
			t.Errorf("the ledger still has %+v", lease.Entry())
		}
	})
}

// TestEnrichEnds: an error that is not about one lookup ends the run, after the results that
// there are.
func TestEnrichEnds(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, c *growthgenius.Client) {
		for status, want := range map[int]error{401: growthgenius.ErrUnauthorized, 403: growthgenius.ErrForbidden} {
			srv.Inject(growthgeniustest.Fault{Status: status, Times: 1})
			all, err := enrich(t.Context(), c, bulk.EnrichOptions{Concurrency: 1}, domains(0, 10)...)
			if got := statuses(all); !errors.Is(err, want) || got != "failed 1" {
				t.Errorf("%s, %v; want %v", got, err, want)
			}
		}
		srv.Inject(growthgeniustest.Fault{Status: 404, Body: "404 page not found", Times: 1})
		all, err := enrich(t.Context(), c, bulk.EnrichOptions{Concurrency: 1}, domains(0, 2)...)
		if got, want := statuses(all), "failed 1, found 1, paid 2"; got != want || err != nil {
			t.Errorf("the 404 of a gateway: %s, %v; want %s", got, err, want)
		}
		broken := errors.New("the file is broken")
		input := func(yield func(bulk.Lookup, error) bool) {
			if yield(bulk.LookupOf("company1.com"), nil) && yield(bulk.Lookup{}, broken) {
				t.Error("the input was read on after its error")
			}
		}
		results := 0
		for r, failed := range bulk.Enrich(t.Context(), c, input, bulk.EnrichOptions{}).Results() {
			err = failed
			if failed == nil && r.Outcome == bulk.Found {
				results++
			}
		}
		if _, costErr := bulk.EnrichCost(t.Context(), c, input, bulk.EnrichOptions{}); !errors.Is(err, broken) || results != 1 || !errors.Is(costErr, broken) {
			t.Errorf("%d results, %v, %v", results, err, costErr)
		}
	})
}

// failing is a cache that fails when it is told to, and then forgets.
type failing struct {
	*growthgenius.MemoryCache
	get, set atomic.Bool
}

func (f *failing) Get(ctx context.Context, key string) ([]byte, bool, error) {
	if f.get.Load() {
		return nil, false, errors.New("the cache is away")
	}
	return f.MemoryCache.Get(ctx, key)
}

func (f *failing) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if f.set.Load() {
		return errors.New("the disk is full")
	}
	return f.MemoryCache.Set(ctx, key, value, ttl)
}

// TestEnrichWithAFailingCache: nothing is paid while the cache cannot be read, and no more
// than what is under way if it does not store.
func TestEnrichWithAFailingCache(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, _ *growthgenius.Client) {
		cache := &failing{MemoryCache: growthgenius.NewMemoryCache(0)}
		c := srv.NewClient(unlimited, growthgenius.WithEnrichmentCache(cache))
		cache.get.Store(true)
		all, err := enrich(t.Context(), c, bulk.EnrichOptions{}, domains(0, 10)...)
		if got, want := statuses(all), "failed 10"; got != want || err != nil || !strings.Contains(all[0].Err.Error(), "the cache is away") {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		if _, err := bulk.EnrichCost(t.Context(), c, lookups(domains(0, 10)...), bulk.EnrichOptions{}); err == nil || !strings.Contains(err.Error(), "the cache is away") {
			t.Errorf("the cost: %v", err)
		}
		cache.get.Store(false)
		srv.Inject(growthgeniustest.Fault{Delay: time.Second})
		time.AfterFunc(500*time.Millisecond, func() { cache.get.Store(true) })
		time.AfterFunc(3*time.Second, func() { cache.get.Store(false) })
		all, err = enrich(t.Context(), c, bulk.EnrichOptions{}, "company20.com")
		if got, want := statuses(all), "found 1, paid 1"; got != want || err != nil {
			t.Errorf("a cache that is away for a moment: %s, %v; want %s", got, err, want)
		}
		cache.set.Store(true)
		all, err = enrich(t.Context(), c, bulk.EnrichOptions{Concurrency: 2}, domains(0, 10)...)
		if err == nil || !strings.Contains(err.Error(), "has not stored a result that was paid") || len(all) != 2 || all[0].Company == nil {
			t.Errorf("%s, %v", statuses(all), err)
		}
		if n, _ := asked(srv); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestEnrichIsLeft: when the loop is left, or the context ends, lookups that are under way end
// and are stored, no others begin, and no goroutine is left.
func TestEnrichIsLeft(t *testing.T) {
	t.Parallel()
	for name, cancels := range map[string]bool{"break": false, "cancel": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enriching(t, func(t *testing.T, srv *testkit.Server, c *growthgenius.Client) {
				srv.Inject(growthgeniustest.Fault{Delay: time.Second})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var all []*bulk.Enriched
				var ended error
				for r, err := range bulk.Enrich(ctx, c, lookups(domains(0, 50)...), bulk.EnrichOptions{Concurrency: 4}).Results() {
					if ended = err; err != nil {
						continue
					}
					all = append(all, r)
					if !cancels {
						break
					}
					cancel()
				}
				synctest.Wait()
				sent, _ := asked(srv)
				if sent > 9 || sent < 4 {
					t.Errorf("%d requests", sent)
				}
				if cancels && (!errors.Is(ended, context.Canceled) || !strings.HasPrefix(statuses(all), fmt.Sprintf("found %d, paid %d", sent, sent))) || !cancels && (ended != nil || len(all) != 1) {
					t.Errorf("%s after %d requests, %v", statuses(all), sent, ended)
				}
				begun := time.Now()
				again, err := enrich(t.Context(), c, bulk.EnrichOptions{Budget: new(0)}, domains(0, 50)...)
				if got, want := statuses(again), fmt.Sprintf("found %d, skipped %d", sent, 50-sent); got != want || err != nil || time.Since(begun) != 0 {
					t.Errorf("the next run: %s, %v; want %s", got, err, want)
				}
			})
		})
	}
}

// TestEnrichDoesNotWaitForever: a lookup without a response is canceled 5 seconds after the
// loop was left.
func TestEnrichDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, c *growthgenius.Client) {
		srv.Inject(growthgeniustest.Fault{Effect: growthgeniustest.Hang})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		all, err := enrich(ctx, c, bulk.EnrichOptions{Concurrency: 2}, domains(0, 50)...)
		if got, want := statuses(all), "failed 2, paid 2"; got != want || !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 6*time.Second {
			t.Errorf("%s, %v after %v; want %s", got, err, time.Since(begun), want)
		}
		time.Sleep(time.Second) // until the transport has noticed, too
	})
}

// TestEnrichReadsNoFurther: no more of the input is read ahead than lookups are made at a time,
// and one more.
func TestEnrichReadsNoFurther(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, _ *testkit.Server, c *growthgenius.Client) {
		read, results := 0, 0
		input := func(yield func(bulk.Lookup, error) bool) {
			for read = 1; read <= 50 && yield(bulk.LookupOf(domains(read, 1)[0]), nil); read++ {
			}
		}
		for _, err := range bulk.Enrich(t.Context(), c, input, bulk.EnrichOptions{Concurrency: 4}).Results() {
			time.Sleep(time.Second) // the loop is slower than the lookups
			synctest.Wait()
			results++
			if err != nil || read > results+5 {
				t.Fatalf("%d lookups were read for %d results, %v", read, results, err)
			}
		}
		if results != 50 {
			t.Errorf("%d results", results)
		}
	})
}

// TestEnrichWaitsForItsInput: the goroutine that reads it has ended when the loop has.
func TestEnrichWaitsForItsInput(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, _ *testkit.Server, c *growthgenius.Client) {
		var ended atomic.Bool
		input := func(yield func(bulk.Lookup, error) bool) {
			yield(bulk.LookupOf("company1.com"), nil)
			time.Sleep(time.Second)
			ended.Store(true)
		}
		for range bulk.Enrich(t.Context(), c, input, bulk.EnrichOptions{}).Results() {
			break
		}
		if !ended.Load() {
			t.Error("it has not ended")
		}
	})
}

// TestCanceledWhileWaiting: a lookup that waits for an equal one, or that is queued, is not
// sent any more when the context has ended. It is pending.
func TestCanceledWhileWaiting(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, c *growthgenius.Client) {
		srv.Inject(growthgeniustest.Fault{Status: 422, Times: 1, Delay: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		all, err := enrich(ctx, c, bulk.EnrichOptions{}, "company1.com", "company1.com")
		if got, want := statuses(all), "failed 1, pending 1"; got != want || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		queued(srv, 100)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		all, err = enrich(ctx, c, bulk.EnrichOptions{}, "company1.com", "company2.com")
		if got, want := statuses(all), "paid 2, pending 2"; got != want || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		if n, _ := asked(srv); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestRetryAfterOfAQueuedLookup is respected.
func TestRetryAfterOfAQueuedLookup(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, c *growthgenius.Client) {
		srv.Inject(growthgeniustest.Fault{Status: 202, RetryAfter: 40 * time.Second, Times: 1})
		begun := time.Now()
		all, err := enrich(t.Context(), c, bulk.EnrichOptions{}, "company1.com")
		if got := statuses(all); got != "found 1, paid 1" || err != nil || time.Since(begun).Round(time.Second) != 40*time.Second {
			t.Errorf("%s, %v after %v", got, err, time.Since(begun))
		}
	})
}

// TestManyQueuedLookups: when too many are queued, the first ones are repeated before more of the
// input is read.
func TestManyQueuedLookups(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, c *growthgenius.Client) {
		queued(srv, 6)
		job := bulk.Enrich(t.Context(), c, lookups(domains(0, 50)...), bulk.EnrichOptions{Concurrency: 1})
		job.SetMaxPending(3)
		first := -1
		for r, err := range job.Results() {
			if err != nil {
				t.Fatal(err)
			}
			if first < 0 {
				first = r.Index
				if n, _ := asked(srv); n != 7 {
					t.Errorf("%d requests before the first result", n)
				}
			}
		}
		if first != 0 || job.Progress().Counts[bulk.Found] != 50 {
			t.Errorf("the first result is that of lookup %d; in the end: %s", first, job.Progress())
		}
	})
}

// TestSpentBudgetIsOnlyRead: a ledger that cannot be written does not matter then.
func TestSpentBudgetIsOnlyRead(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, _ *growthgenius.Client) {
		c := srv.NewClient(growthgenius.WithEnrichmentCache(growthgenius.NewMemoryCache(0)), growthgenius.WithLedger(readOnly{ledger.NewMemory()}))
		o := bulk.EnrichOptions{Budget: new(0), BudgetName: "november"}
		if cost, err := bulk.EnrichCost(t.Context(), c, lookups("company1.com"), o); cost.Lookups != 1 || err != nil {
			t.Errorf("%+v, %v", cost, err)
		}
		if all, err := enrich(t.Context(), c, o, "company1.com"); statuses(all) != "skipped 1" || err != nil {
			t.Errorf("%s, %v", statuses(all), err)
		}
		all, err := enrich(t.Context(), c, bulk.EnrichOptions{}, "company1.com")
		if got := statuses(all); got != "failed 1" || err != nil || !strings.Contains(all[0].Err.Error(), "the disk is full") {
			t.Errorf("without a budget: %s, %v", got, err)
		}
		if n, _ := asked(srv); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// readOnly is a ledger that stores nothing.
type readOnly struct{ *ledger.Memory }

func (l readOnly) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	lease, err := l.Memory.Acquire(ctx, key)
	return readOnlyLease{lease}, err
}

type readOnlyLease struct{ growthgenius.Lease }

func (readOnlyLease) Record(context.Context, growthgenius.Entry) error {
	return errors.New("the disk is full")
}

// TestProgressOfEnrich: what is done is counted by outcome, the rest is known from the cost or
// when the input was read, and a wait for queued lookups has its name.
func TestProgressOfEnrich(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, srv *testkit.Server, c *growthgenius.Client) {
		input := append(domains(0, 40), "n/a")
		o := bulk.EnrichOptions{Concurrency: 1}
		cost, err := bulk.EnrichCost(t.Context(), c, lookups(input...), o)
		if err != nil {
			t.Fatal(err)
		}
		srv.Inject(growthgeniustest.Fault{Delay: time.Second - 2*testkit.Latency})
		check := func(o bulk.EnrichOptions, middle, end string) {
			t.Helper()
			job := bulk.Enrich(t.Context(), c, lookups(input...), o)
			n := 0
			for _, err := range job.Results() {
				n++
				if n == 20 && err == nil {
					if got := job.Progress().String(); got != middle {
						t.Errorf("in the middle: %s, want %s", got, middle)
					}
				}
			}
			if p := job.Progress(); !strings.HasPrefix(p.String(), end) || !p.Final {
				t.Errorf("at the end: %s, want %s", p, end)
			}
			for _, err := range job.Results() {
				if err == nil || !strings.Contains(err.Error(), "once") {
					t.Errorf("a second loop: %v", err)
				}
			}
		}
		o.Cost = &cost
		check(o, "20 of 41 (48%): 20 found; 1/s; 20s left", "41 of 41 (100%): 40 found, 1 rejected")
		o.Cost = nil
		check(o, "20 of at least 20: 20 found", "41 of 41 (100%): 40 found, 1 rejected")
		srv.ClearFaults()
		queued(srv, 1)
		srv.Inject(growthgeniustest.Fault{Delay: 2 * time.Second})
		job := bulk.Enrich(t.Context(), c, lookups("company50.com"), o)
		for after, want := range map[time.Duration]string{4 * time.Second: "waiting for lookups that the API has queued", 6 * time.Second: ""} {
			time.AfterFunc(after, func() {
				if got := job.Progress().Waiting; got != want {
					t.Errorf("after %v it waits: %q, want %q", after, got, want)
				}
			})
		}
		for _, err := range job.Results() {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// TestPanicOfTheInput reaches the loop, as if the input were read by it.
func TestPanicOfTheInput(t *testing.T) {
	t.Parallel()
	enriching(t, func(t *testing.T, _ *testkit.Server, c *growthgenius.Client) {
		defer func() {
			if p := recover(); p != "a bug" {
				t.Errorf("recovered %v", p)
			}
		}()
		for range bulk.Enrich(t.Context(), c, func(func(bulk.Lookup, error) bool) { panic("a bug") }, bulk.EnrichOptions{}).Results() {
			t.Error("a result")
		}
		t.Error("no panic")
	})
}

// TestBudgetIsNeverExceeded: whatever the inputs, the concurrency and the faults, and however
// many runs share a budget, no more different lookups are sent than it allows, each is counted
// by one run, and each input has one result.
func TestBudgetIsNeverExceeded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		runs := rapid.IntRange(1, 4).Draw(rt, "runs")
		concurrency := rapid.IntRange(1, 6).Draw(rt, "concurrency")
		limit := rapid.IntRange(0, 20).Draw(rt, "budget")
		faults := rapid.SampledFrom([]float64{0, 0.3}).Draw(rt, "faults")
		inputs := make([][]string, runs)
		for i := range inputs {
			inputs[i] = rapid.SliceOfN(rapid.SampledFrom(domains(0, 30)), 0, 25).Draw(rt, "input")
		}
		enriching(t, func(t *testing.T, srv *testkit.Server, _ *growthgenius.Client) {
			if faults > 0 {
				srv.Inject(growthgeniustest.Fault{Status: 202, Probability: faults, Times: 10})
				srv.Inject(growthgeniustest.FaultMix(faults, 0)...)
			}
			cache, shared := growthgenius.NewMemoryCache(0), ledger.NewMemory()
			paid := make([]int, runs)
			var group sync.WaitGroup
			for i := range runs {
				c := srv.NewClient(unlimited, growthgenius.WithEnrichmentCache(cache), growthgenius.WithLedger(shared), growthgenius.WithRetry(testkit.Quick), growthgenius.WithAttemptTimeout(time.Second))
				group.Go(func() {
					all, err := enrich(t.Context(), c, bulk.EnrichOptions{Concurrency: concurrency, Budget: &limit, BudgetName: "shared"}, inputs[i]...)
					if err != nil || len(all) != len(inputs[i]) {
						rt.Errorf("%d results of %d lookups, %v", len(all), len(inputs[i]), err)
					}
					for j, r := range all {
						if r.Index != j || r.Outcome == bulk.Rejected {
							rt.Errorf("result %d: %+v", j, r)
						}
						if r.Paid && !r.Repeated {
							paid[i]++
						}
					}
				})
			}
			group.Wait()
			total := 0
			for _, n := range paid {
				total += n
			}
			if all, different := asked(srv); different > limit || total > limit || different > total || faults == 0 && all != total {
				rt.Errorf("%d requests, %d different ones, %d paid; the budget is %d", all, different, total, limit)
			}
			time.Sleep(time.Minute) // until the transport has noticed what was canceled
		})
	})
}
