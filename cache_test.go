package growthgenius_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// spy is a cache that never forgets. Its get and set, if any, make it misbehave.
type spy struct {
	get, set func(ctx context.Context) error

	mu         sync.Mutex
	values     map[string][]byte
	gets, sets int
	ttl        time.Duration // of the last Set
}

func (s *spy) Get(ctx context.Context, key string) ([]byte, bool, error) {
	s.mu.Lock()
	s.gets++
	value, ok := s.values[key]
	s.mu.Unlock()
	if s.get != nil {
		return value, ok, s.get(ctx)
	}
	return value, ok, nil
}

func (s *spy) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if s.set != nil {
		if err := s.set(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sets++
	s.ttl = ttl
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	s.values[key] = value
	return nil
}

func (s *spy) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.values))
}

// put replaces every value in the cache.
func (s *spy) put(value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.values {
		s.values[key] = value
	}
}

// one is the only value in the cache.
func (s *spy) one(t *testing.T) []byte {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.values) != 1 {
		t.Fatalf("%d values are kept", len(s.values))
	}
	for _, value := range s.values {
		return value
	}
	return nil
}

const tesla = `{"id":"tesla","name":"Tesla","website":"tesla.com","size":45000,"location":{"locality":"austin","odd":{"x":[1]}},"tags":["cars","energy"],"odd":[1,2]}`

// answering returns a script that always sends the same response, after a second.
func answering(status int, body string) *testkit.Script {
	return &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
		time.Sleep(time.Second)
		return testkit.Reply(status, body, "X-Request-Id", "r1"), nil
	}}
}

func cached(cache growthgenius.EnrichmentCache) growthgenius.Option {
	return growthgenius.WithEnrichmentCache(cache)
}

// once lets each call have one attempt.
var once = growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1})

// ask looks up a company, by its domain, or a person, by a query.
func ask(ctx context.Context, c *growthgenius.Client, question any, opts ...growthgenius.RequestOption) error {
	if q, ok := question.(growthgenius.PersonQuery); ok {
		return testkit.Err(c.Enrichment.Person(ctx, q, opts...))
	}
	return testkit.Err(c.Enrichment.Company(ctx, question.(string), opts...))
}

// TestKeysOfTheCache: they contain neither names, addresses nor the API key. They differ for
// accounts, servers and person paths, but not for users.
func TestKeysOfTheCache(t *testing.T) {
	t.Parallel()
	const apiKey = "SECRET"
	kept := new(spy)
	questions := []any{"tesla.com", growthgenius.PersonQuery{Email: "elon@tesla.com"}, growthgenius.PersonQuery{FirstName: "Elon", LastName: "Musk", AccountName: "SpaceX"}}
	askAll := func(apiKey string, opts ...growthgenius.Option) (asked int64) {
		s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(200, tesla), nil }}
		base := []growthgenius.Option{cached(kept), growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: s})}
		c := testkit.NewClient(t, apiKey, append(base, opts...)...)
		for _, question := range questions {
			if err := ask(t.Context(), c, question); err != nil {
				t.Errorf("%+v: %v", question, err)
			}
		}
		return s.Sent.Load()
	}
	for _, tt := range []struct {
		name, key string
		opts      []growthgenius.Option
		want      int64
	}{
		{"first", apiKey, nil, 3},
		{"another process", apiKey, nil, 0},
		{"another user", apiKey, []growthgenius.Option{growthgenius.WithUserID("2")}, 0},
		{"another account", "another-key", nil, 3},
		{"another server", apiKey, []growthgenius.Option{growthgenius.WithBaseURL("https://staging.example.com")}, 3},
		{"another path for people", apiKey, []growthgenius.Option{growthgenius.WithPersonPath("/people/enrich")}, 2},
	} {
		if n := askAll(tt.key, tt.opts...); n != tt.want {
			t.Errorf("%s: %d requests, want %d", tt.name, n, tt.want)
		}
	}
	form := regexp.MustCompile(`^growthgenius:v1:[0-9a-f]{16}:(company:tesla\.com|person:[0-9a-f]{64})$`)
	for _, key := range kept.keys() {
		if !form.MatchString(key) {
			t.Errorf("key %q", key)
		}
	}
}

// TestHeadersInTheKeyOfTheCache: a header may name an account, so calls with different ones
// share nothing, unless the header only names the call.
func TestHeadersInTheKeyOfTheCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return testkit.Reply(200, `{"id":"x","name":"of `+r.Header.Get("X-Account")+`"}`), nil
		}}
		kept := new(spy)
		c := testkit.Scripted(t, s, cached(kept))
		for range 2 {
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() {
					account := strconv.Itoa(i % 3)
					company, err := c.Enrichment.Company(t.Context(), "tesla.com", growthgenius.WithHeader("X-Account", account),
						growthgenius.WithHeader("X-Request-Id", strconv.Itoa(i)), growthgenius.WithHeader("X-B3-TraceId", strconv.Itoa(i)))
					if err != nil || company.Name != "of "+account {
						t.Errorf("account %s: %+v, %v", account, company, err)
					}
				})
			}
			all.Wait()
		}
		if n := s.Sent.Load(); n != 3 || len(kept.keys()) != 3 {
			t.Errorf("%d requests, kept as %s", n, kept.keys())
		}
		if err := ask(t.Context(), c, "tesla.com", growthgenius.WithHeader("Traceparent", "00-1-2-01")); err != nil || s.Sent.Load() != 4 {
			t.Errorf("without an account: %v, %d requests", err, s.Sent.Load())
		}
		if err := ask(t.Context(), c, "tesla.com"); err != nil || s.Sent.Load() != 4 {
			t.Errorf("without a header: %v, %d requests", err, s.Sent.Load())
		}
	})
}

// TestAnswersAreKeptFor30Days: even if the cache ignores the ttl. A 404 is kept for a day.
func TestAnswersAreKeptFor30Days(t *testing.T) {
	t.Parallel()
	for name, cache := range map[string]growthgenius.EnrichmentCache{"spy": new(spy), "memory": growthgenius.NewMemoryCache(0)} {
		for status, ttl := range map[int]time.Duration{200: 30 * 24 * time.Hour, 404: 24 * time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				s := answering(status, map[int]string{200: tesla, 404: `{"error":"nobody is known there"}`}[status])
				c := testkit.Scripted(t, s, cached(cache))
				domain := fmt.Sprint(status, ".example.com")
				look := func(fresh bool) {
					t.Helper()
					var info growthgenius.ResponseInfo
					begun, before := time.Now(), s.Sent.Load()
					err := ask(t.Context(), c, domain, growthgenius.CaptureResponse(&info))
					if (status == 404) != errors.Is(err, growthgenius.ErrNotFound) || (status == 200) != (err == nil) {
						t.Error(name, err)
					}
					want := growthgenius.ResponseInfo{StatusCode: status, FromCache: true}
					if fresh {
						want = growthgenius.ResponseInfo{StatusCode: status, Attempts: 1, RequestID: "r1", Header: info.Header, Duration: time.Since(begun)}
					}
					if diff := cmp.Diff(want, info); diff != "" || (s.Sent.Load() > before) != fresh || fresh == (time.Since(begun) == 0) {
						t.Error(name, diff)
					}
				}
				look(true)
				look(false)
				time.Sleep(ttl - time.Minute)
				look(false)
				time.Sleep(time.Minute)
				look(true)
				look(false)
				if s, ok := cache.(*spy); ok && s.ttl != ttl {
					t.Errorf("a ttl of %s", s.ttl)
				}
			})
		}
	}
}

// TestKeptRecords: a record from the cache is the one from the API, unknown fields included.
func TestKeptRecords(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	bare := growthgeniustest.NewServer(t, growthgeniustest.WithBareCompany())
	for _, srv := range []*growthgeniustest.Server{srv, bare} {
		plain, keeping := testkit.Live(t, srv), testkit.Live(t, srv, cached(new(spy)))
		company, err := plain.Enrichment.Company(t.Context(), "tesla.com")
		if err != nil {
			t.Fatal(err)
		}
		person, err := plain.Enrichment.Person(t.Context(), growthgenius.PersonQuery{Email: "elon@tesla.com"})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			again, err := keeping.Enrichment.Company(t.Context(), "tesla.com")
			if diff := cmp.Diff(company, again); diff != "" || err != nil {
				t.Error(err, diff)
			}
			same, err := keeping.Enrichment.Person(t.Context(), growthgenius.PersonQuery{Email: "elon@tesla.com"})
			if diff := cmp.Diff(person, same); diff != "" || err != nil {
				t.Error(err, diff)
			}
		}
		if n := len(srv.Requests()); n != 4 {
			t.Errorf("%d requests", n)
		}
	}
}

// TestNobodyFoundIsKept: a 404 is kept, with its message.
func TestNobodyFoundIsKept(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"error":"no company found"}`, `{"error":{"code":"no_match","message":"nobody is known there"}}`, `{"error":{"type":"not_found","message":"nobody"}}`,
		`{"errors":["no company"]}`, `{"errors":{"domain":["is unknown"]}}`, `{"message":"no such company"}`, `{"error_message":"two\nlines"}` + "\n\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := answering(404, body)
			c := testkit.Scripted(t, s, cached(new(spy)))
			var errs []*growthgenius.APIError
			for range 2 {
				refusal, ok := errors.AsType[*growthgenius.APIError](ask(t.Context(), c, "nobody.example"))
				if !ok || !errors.Is(refusal, growthgenius.ErrNotFound) {
					t.Fatal(refusal)
				}
				errs = append(errs, refusal)
			}
			want := *errs[0]
			want.RequestID = "" // no request was made
			if diff := cmp.Diff(&want, errs[1], cmpopts.IgnoreUnexported(want)); diff != "" || string(want.Body) != body || s.Sent.Load() != 1 {
				t.Errorf("%d requests: %s", s.Sent.Load(), diff)
			}
		})
	}
}

// TestWhatIsNeverKept: a 202, a failure, and an unusable success.
func TestWhatIsNeverKept(t *testing.T) {
	t.Parallel()
	type wrong struct {
		status int
		body   string
		is     error
	}
	for _, tt := range []wrong{
		{202, ``, growthgenius.ErrPending},
		{202, tesla, growthgenius.ErrPending},
		{202, `<html>`, growthgenius.ErrDecode},
		{200, ``, growthgenius.ErrDecode},
		{200, `{}`, growthgenius.ErrDecode},
		{200, `null`, growthgenius.ErrDecode},
		{200, `[]`, growthgenius.ErrDecode},
		{200, `{"id":"tesla"`, growthgenius.ErrDecode},
		{200, `<html>Log in</html>`, growthgenius.ErrDecode},
		{200, `{"error":"try later"}`, growthgenius.ErrDecode},
		{204, ``, growthgenius.ErrDecode},
		{302, ``, growthgenius.ErrRedirected},
		{400, `{}`, growthgenius.ErrBadRequest},
		{401, `{}`, growthgenius.ErrUnauthorized},
		{403, `{}`, growthgenius.ErrForbidden},
		{404, ` <html>no such page</html>`, growthgenius.ErrNotFound},
		{404, ``, growthgenius.ErrNotFound},
		{404, `404 page not found`, growthgenius.ErrNotFound},
		{404, `"not found"`, growthgenius.ErrNotFound},
		{404, `{}`, growthgenius.ErrNotFound},
		{404, `[{"error":"no company"}]`, growthgenius.ErrNotFound},
		{404, `{"error":null}`, growthgenius.ErrNotFound},
		{404, `{"message":"no Route matched with those values"}`, growthgenius.ErrNotFound},
		{404, `{"message":"Not Found"}`, growthgenius.ErrNotFound},
		{404, `{"detail":"Not Found"}`, growthgenius.ErrNotFound},
		{404, `{"status":404,"error":"Not Found","path":"/companies/find"}`, growthgenius.ErrNotFound},
		{404, `{"statusCode":404,"message":"Resource not found"}`, growthgenius.ErrNotFound},
		{404, `{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}`, growthgenius.ErrNotFound},
		{404, `{"error":"` + strings.Repeat("no company ", 500) + `"}`, growthgenius.ErrNotFound}, // more than is kept of a body
		{410, `{}`, nil},
		{422, `{}`, growthgenius.ErrValidation},
		{429, `{}`, growthgenius.ErrRateLimited},
		{500, `{}`, growthgenius.ErrServer},
		{503, tesla, growthgenius.ErrServer},
		{0, ``, nil}, // no response
		{200, strings.Repeat(" ", 10000) + tesla, growthgenius.ErrResponseTooLarge},
	} {
		for _, question := range []any{"tesla.com", growthgenius.PersonQuery{Email: "elon@tesla.com"}} {
			kept := new(spy)
			s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
				if tt.status == 0 {
					return nil, errors.New("connection reset")
				}
				return testkit.Reply(tt.status, tt.body), nil
			}}
			c := testkit.Scripted(t, s, cached(kept), once, growthgenius.WithMaxResponseBytes(10000))
			for range 2 {
				if err := ask(t.Context(), c, question); err == nil || tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("%d %q: %v", tt.status, tt.body, err)
				}
			}
			if n := s.Sent.Load(); n != 2 || kept.sets != 0 {
				t.Errorf("%d %q: %d requests, %d kept", tt.status, tt.body, n, kept.sets)
			}
		}
	}
}

// TestForeign404: a 404 that does not look like the API's own is not taken from a cache
// either, where an earlier version may have put it. It still matches ErrNotFound, and says
// what is odd.
func TestForeign404(t *testing.T) {
	t.Parallel()
	const hint = "this does not look like the API's own 404"
	for _, tt := range []struct {
		body, media string
		own         bool
	}{
		{`{"error":"no company found"}`, "", true},
		{`{"error":"no company found"}`, "application/problem+JSON", true},
		{`{"error":"no company found"}`, "text/plain", false},
		{`404 page not found`, "text/plain", false},
	} {
		kept := new(spy)
		s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
			return testkit.Reply(404, tt.body, "Content-Type", tt.media), nil
		}}
		c := testkit.Scripted(t, s, cached(kept))
		for range 2 {
			err := ask(t.Context(), c, "nobody.example")
			if _, ok := errors.AsType[*growthgenius.APIError](err); !ok || !errors.Is(err, growthgenius.ErrNotFound) || strings.Contains(err.Error(), hint) == tt.own {
				t.Errorf("%q as %q: %v", tt.body, tt.media, err)
			}
		}
		if kept.sets == 1 != tt.own || (s.Sent.Load() == 1) != tt.own {
			t.Errorf("%q as %q: %d requests, %d kept", tt.body, tt.media, s.Sent.Load(), kept.sets)
		}
	}
	s := answering(200, tesla)
	kept := new(spy)
	c := testkit.Scripted(t, s, cached(kept))
	for range 2 {
		if err := ask(t.Context(), c, "tesla.com"); err != nil {
			t.Error(err)
		}
		kept.put(fmt.Appendf(nil, "growthgenius/1 404 %d\n404 page not found", time.Now().Unix()))
	}
	if n := s.Sent.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// TestRefresh: a call with Refresh makes a request although there is a result in the cache,
// and stores what comes. It does not share the call of one that may use the cache.
func TestRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
			switch n {
			case 1:
				return testkit.Reply(404, `{"error":"no company found"}`), nil
			case 2:
				time.Sleep(time.Second)
				return testkit.Reply(200, tesla), nil
			default:
				return testkit.Reply(404, "404 page not found"), nil
			}
		}}
		c := testkit.Scripted(t, s, cached(new(spy)), once)
		look := func(wantErr error, fromCache bool, opts ...growthgenius.RequestOption) {
			t.Helper()
			var info growthgenius.ResponseInfo
			err := ask(t.Context(), c, "tesla.com", append(opts, growthgenius.CaptureResponse(&info))...)
			if !errors.Is(err, wantErr) || info.FromCache != fromCache {
				t.Errorf("%v, from the cache: %t; want %v, %t", err, info.FromCache, wantErr, fromCache)
			}
		}
		look(growthgenius.ErrNotFound, false)
		look(growthgenius.ErrNotFound, true)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { look(nil, false, growthgenius.Refresh()) })
		}
		synctest.Wait()
		look(growthgenius.ErrNotFound, true) // does not wait for the others
		all.Wait()
		look(nil, true)
		look(growthgenius.ErrNotFound, false, growthgenius.Refresh()) // of a gateway
		look(nil, true)
		if n := s.Sent.Load(); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
	plain := testkit.Scripted(t, answering(200, tesla))
	if err := ask(t.Context(), plain, "tesla.com", growthgenius.Refresh()); err != nil {
		t.Error("without a cache:", err)
	}
}

// TestOnlyIfCached: nothing is sent, whatever the cache has.
func TestOnlyIfCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := answering(404, `{"error":"no company found"}`)
		cache := new(spy)
		c := testkit.Scripted(t, s, cached(cache), once)
		look := func(want error, opts ...growthgenius.RequestOption) {
			t.Helper()
			sent := s.Sent.Load()
			err := ask(t.Context(), c, "tesla.com", append(opts, growthgenius.OnlyIfCached())...)
			if !errors.Is(err, want) || s.Sent.Load() != sent {
				t.Errorf("%v after %d requests, want %v", err, s.Sent.Load()-sent, want)
			}
		}
		look(growthgenius.ErrNotCached)
		if err := ask(t.Context(), c, "tesla.com"); !errors.Is(err, growthgenius.ErrNotFound) {
			t.Fatal(err)
		}
		look(growthgenius.ErrNotFound)
		look(growthgenius.ErrInvalidInput, growthgenius.Refresh())
		time.Sleep(24 * time.Hour)
		look(growthgenius.ErrNotCached)
		cache.put([]byte("garbage"))
		look(growthgenius.ErrNotCached)
		away := errors.New("the cache is away")
		cache.get = func(context.Context) error { return away }
		look(away)
	})
	plain := testkit.Unused(t)
	if err := ask(t.Context(), plain, "tesla.com", growthgenius.OnlyIfCached()); !errors.Is(err, growthgenius.ErrInvalidInput) {
		t.Error("without a cache:", err)
	}
}

// TestKeysOfLookups: CompanyKey and PersonKey return the keys that the cache is given.
func TestKeysOfLookups(t *testing.T) {
	t.Parallel()
	account := growthgenius.WithHeader("X-Account", "2")
	cache := new(spy)
	c := testkit.Scripted(t, testkit.Text(`{"id":"tesla","name":"Tesla"}`), cached(cache))
	for want, question := range []any{"tesla.com", growthgenius.PersonQuery{Email: "elon@tesla.com"}} {
		if err := ask(t.Context(), c, question, account); err != nil {
			t.Fatal(err)
		}
		if n := len(cache.keys()); n != want+1 {
			t.Fatalf("%d values are kept", n)
		}
	}
	company, err := c.Enrichment.CompanyKey(" https://www.TESLA.com/about", account)
	if err != nil {
		t.Fatal(err)
	}
	person, err := c.Enrichment.PersonKey(growthgenius.PersonQuery{Email: " Elon@Tesla.com"}, account)
	if err != nil {
		t.Fatal(err)
	}
	if got := []string{company, person}; !slices.Equal(got, cache.keys()) && !slices.Equal([]string{person, company}, cache.keys()) {
		t.Errorf("the keys are %q, the cache has %q", got, cache.keys())
	}
	for name, err := range map[string]error{
		"domain":   testkit.Err(c.Enrichment.CompanyKey("n/a")),
		"query":    testkit.Err(c.Enrichment.PersonKey(growthgenius.PersonQuery{Email: "elon"})),
		"user":     testkit.Err(c.ForUser("").Enrichment.CompanyKey("tesla.com")),
		"no cache": testkit.Err(testkit.Unused(t).Enrichment.CompanyKey("tesla.com")),
	} {
		if !errors.Is(err, growthgenius.ErrInvalidInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheAPIKeyIsNotKept: a record that quotes it is returned, but not kept. From an error
// that is kept, it is removed.
func TestTheAPIKeyIsNotKept(t *testing.T) {
	t.Parallel()
	for status, sets := range map[int]int{200: 0, 404: 1} {
		kept := new(spy)
		s := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
			body := map[int]string{200: `{"name":"Tesla","summary":"no %s"}`, 404: `{"message":"no %s"}`}[status]
			return testkit.Reply(status, fmt.Sprintf(body, r.Header.Get("Authorization"))), nil
		}}
		c := testkit.Scripted(t, s, cached(kept))
		if err := ask(t.Context(), c, "tesla.com"); (err == nil) != (status == 200) || kept.sets != sets {
			t.Errorf("%v, %d kept", err, kept.sets)
		}
		for _, value := range kept.values {
			if bytes.Contains(value, []byte("SECRET")) {
				t.Errorf("kept %s", value)
			}
		}
	}
}

// deaf is how long a cache hangs that ignores its context.
const deaf = time.Hour

// TestFailingCache: whatever is wrong with it, the lookup succeeds, in bounded time. The log
// has the reason, but not whom the lookup was for.
func TestFailingCache(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fail  func(ctx context.Context) error
		delay time.Duration
		log   string
	}{
		"error":      {func(context.Context) error { return errors.New("connection refused") }, 0, "connection refused"},
		"panic":      {func(context.Context) error { panic("a bug") }, 0, "it panicked: a bug"},
		"nil":        {func(context.Context) error { (*spy)(nil).put(nil); return nil }, 0, "it panicked: runtime error: invalid memory address"},
		"Goexit":     {func(context.Context) error { runtime.Goexit(); return nil }, 0, "it ended its goroutine"},
		"hang":       {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 2 * time.Second, "context deadline exceeded"},
		"deaf hang":  {func(context.Context) error { time.Sleep(deaf); return nil }, 2 * time.Second, "context deadline exceeded"},
		"it is slow": {func(context.Context) error { time.Sleep(time.Second); return nil }, time.Second, ""},
	} {
		for _, in := range []string{"get", "set", "both"} {
			t.Run(name+"/"+in, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					kept, failures := new(spy), 0
					if in != "set" {
						kept.get = tt.fail
						failures++
					}
					if in != "get" {
						kept.set = tt.fail
						failures++
					}
					var logged testkit.Logs
					c := testkit.Scripted(t, answering(200, `{"id":"tesla"}`), cached(kept), logged.Option())
					begun := time.Now()
					if err := ask(t.Context(), c, "tesla.com"); err != nil {
						t.Error(err)
					}
					if took, want := time.Since(begun), time.Second+time.Duration(failures)*tt.delay; took != want {
						t.Errorf("it took %s, want %s", took, want)
					}
					if tt.log == "" {
						failures = 0
					}
					warnings := 0
					for _, l := range logged.Lines(t) {
						if l.Level != "WARN" {
							continue
						}
						warnings++
						if l.Msg != "the enrichment cache failed" || l.Route != "/companies/find" || l.Method != "GET" || !strings.Contains(l.Error, tt.log) {
							t.Errorf("%+v", l)
						}
					}
					if warnings != failures {
						t.Errorf("%d failures are in the log, want %d", warnings, failures)
					}
					time.Sleep(2 * deaf) // a bubble ends when all in it has
				})
			})
		}
	}
}

// TestHangingCacheAndContext: a caller waits for a cache that hangs until its context ends.
func TestHangingCacheAndContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged testkit.Logs
		s := answering(200, tesla)
		c := testkit.Scripted(t, s, cached(&spy{get: func(context.Context) error { time.Sleep(deaf); return nil }}), logged.Option())
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := ask(ctx, c, "tesla.com"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 500*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		synctest.Wait()
		if s.Sent.Load() != 0 || logged.String() != "" {
			t.Errorf("%d requests, %s", s.Sent.Load(), logged.String())
		}
		time.Sleep(deaf)
	})
}

// TestLogOfAFailingCache: if an error quotes the key of a cache entry, or the API key, the
// log does not.
func TestLogOfAFailingCache(t *testing.T) {
	t.Parallel()
	var logged testkit.Logs
	cache := quoter{}
	c := testkit.Scripted(t, &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(200, tesla), nil }}, cached(cache), logged.Option())
	for _, question := range []any{"secret.example.com", growthgenius.PersonQuery{Email: "secret@example.com"}} {
		if err := ask(t.Context(), c, question); err != nil {
			t.Error(err)
		}
	}
	if text := logged.String(); strings.Contains(text, "secret") || strings.Contains(text, "person:") || strings.Count(text, "no [key] at") != 4 {
		t.Error(text)
	}
}

// quoter is a cache whose errors quote keys.
type quoter struct{}

func (quoter) Get(_ context.Context, key string) ([]byte, bool, error) {
	return nil, false, fmt.Errorf("no %s at redis", key)
}

func (quoter) Set(_ context.Context, key string, _ []byte, _ time.Duration) error {
	return fmt.Errorf("no %s at redis", key)
}

// TestUnreadableValues: each is a miss, and is replaced.
func TestUnreadableValues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := new(spy)
		var logged testkit.Logs
		s := answering(200, tesla)
		c := testkit.Scripted(t, s, cached(kept), logged.Option())
		if err := ask(t.Context(), c, "tesla.com"); err != nil {
			t.Fatal(err)
		}
		good := string(kept.one(t))
		head, body, ok := strings.Cut(good, "\n")
		if !ok || body != tesla {
			t.Fatalf("kept as %s", good)
		}
		now := strconv.FormatInt(time.Now().Unix(), 10)
		at := func(d time.Duration) string {
			return fmt.Sprintf("growthgenius/1 200 %d\n%s", time.Now().Add(d).Unix(), body)
		}
		for value, used := range map[string]bool{
			good: true, at(-29 * 24 * time.Hour): true, at(30 * time.Minute): true,
			at(-31 * 24 * time.Hour): false, at(2 * time.Hour): false, at(-5000 * 24 * time.Hour): false,
			"": false, "\n": false, head: false, head + "\n": false, body: false, "\n" + body: false, good[:len(good)-1]: false, good + "}": false, good + good: false,
			strings.Replace(good, "/1 ", "/2 ", 1): false, strings.Replace(good, "/1 ", "/0 ", 1): false, strings.Replace(good, " ", "  ", 1): false,
			strings.Replace(good, " 200 ", " 202 ", 1): false, strings.Replace(good, " 200 ", " 500 ", 1): false, strings.Replace(good, now, "now", 1): false, strings.Replace(good, now, now+now, 1): false,
			head + " 1\n" + body: false, head + "\n{}": false, head + "\n[]": false, head + "\nnull": false, head + "\n<html>": false, strings.ToUpper(head) + "\n" + body: false,
			"\xff\xfe\x00": false, strings.Repeat("x", 1<<16): false,
		} {
			kept.put([]byte(value))
			before := s.Sent.Load()
			company, err := c.Enrichment.Company(t.Context(), "tesla.com")
			if err != nil || company.ID != "tesla" || (s.Sent.Load() == before) != used {
				t.Errorf("%.100q: %v, %v; used is not %v", value, company, err, used)
			}
			if got := string(kept.one(t)); !used && !strings.HasSuffix(got, "\n"+body) || used && got != value {
				t.Errorf("%.100q is replaced by %q", value, got)
			}
		}
		if text := logged.String(); !strings.Contains(text, "a value in it cannot be used") || strings.Contains(text, "tesla") {
			t.Error(text)
		}
	})
}

// TestLargeValues: the bound on a response applies to values from the cache, too.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	kept := new(spy)
	s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(200, tesla), nil }}
	if err := ask(t.Context(), testkit.Scripted(t, s, cached(kept)), "tesla.com"); err != nil {
		t.Fatal(err)
	}
	size := int64(len(tesla))
	if err := ask(t.Context(), testkit.Scripted(t, s, cached(kept), growthgenius.WithMaxResponseBytes(size)), "tesla.com"); err != nil || s.Sent.Load() != 1 {
		t.Errorf("%v, %d requests", err, s.Sent.Load())
	}
	if err := ask(t.Context(), testkit.Scripted(t, s, cached(kept), growthgenius.WithMaxResponseBytes(size-1)), "tesla.com"); !errors.Is(err, growthgenius.ErrResponseTooLarge) || s.Sent.Load() != 2 {
		t.Errorf("%v, %d requests", err, s.Sent.Load())
	}
}

// TestOdditiesFromTheCache: unexpected fields are logged, or refused, as those of a response.
func TestOdditiesFromTheCache(t *testing.T) {
	t.Parallel()
	kept := new(spy)
	s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) { return testkit.Reply(200, tesla), nil }}
	var logs [2]testkit.Logs
	for i := range logs {
		for range 2 {
			if err := ask(t.Context(), testkit.Scripted(t, s, cached(kept), logs[i].Option()), "tesla.com"); err != nil {
				t.Fatal(err)
			}
		}
	}
	warnings := func(logged *testkit.Logs) (found []string) {
		for _, l := range logged.Lines(t) {
			if l.Level == "WARN" {
				found = append(found, l.Msg)
			}
		}
		slices.Sort(found)
		return found
	}
	if fresh, again := warnings(&logs[0]), warnings(&logs[1]); len(fresh) != 4 || !slices.Equal(fresh, again) {
		t.Errorf("logged %q and then %q", fresh, again)
	}
	if n := s.Sent.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	empty := new(spy)
	for _, cache := range []*spy{kept, empty} {
		err := ask(t.Context(), testkit.Scripted(t, s, cached(cache), growthgenius.WithStrictDecoding()), "tesla.com")
		if !errors.Is(err, growthgenius.ErrDecode) || !strings.Contains(err.Error(), "strict decoding: Company.odd is unknown") {
			t.Error(err)
		}
	}
	if empty.sets != 0 {
		t.Error("a refused answer was kept")
	}
}

// TestNoCache: nil is invalid.
func TestNoCache(t *testing.T) {
	t.Parallel()
	if _, err := growthgenius.NewClient("key", growthgenius.WithEnrichmentCache(nil)); !errors.Is(err, growthgenius.ErrInvalidInput) {
		t.Error(err)
	}
}

// entryBytes is what MemoryCache adds to the size of a key and its value.
const entryBytes = 256

// TestMemoryCacheIsALRU compares the cache with a list.
func TestMemoryCacheIsALRU(t *testing.T) {
	t.Parallel()
	type entry struct{ key, value string }
	rapid.Check(t, func(t *rapid.T) {
		ctx := t.Context()
		most := rapid.IntRange(1, 5*(entryBytes+100)).Draw(t, "bytes")
		m := growthgenius.NewMemoryCache(int64(most))
		var model []entry // the most recently used is the last
		take := func(key string) (entry, bool) {
			i := slices.IndexFunc(model, func(e entry) bool { return e.key == key })
			if i < 0 {
				return entry{}, false
			}
			e := model[i]
			model = slices.Delete(model, i, i+1)
			return e, true
		}
		size := func() (n int) {
			for _, e := range model {
				n += len(e.key) + len(e.value) + entryBytes
			}
			return n
		}
		keys := rapid.SampledFrom([]string{"", "a", "bb", "ccc", "dddd", "eeeee"})
		t.Repeat(map[string]func(*rapid.T){
			"get": func(t *rapid.T) {
				key := keys.Draw(t, "key")
				value, ok, err := m.Get(ctx, key)
				want, known := take(key)
				if err != nil || ok != known || string(value) != want.value {
					t.Fatalf("%q: %q %v %v, want %q %v", key, value, ok, err, want.value, known)
				}
				if known {
					model = append(model, want)
				}
				clear(value) // the caller owns it
			},
			"set": func(t *rapid.T) {
				key, value := keys.Draw(t, "key"), rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "value")
				take(key)
				if e := (entry{key, string(value)}); len(key)+len(value)+entryBytes <= most {
					model = append(model, e)
				}
				for size() > most {
					model = model[1:]
				}
				if err := m.Set(ctx, key, value, time.Hour); err != nil {
					t.Fatal(err)
				}
				clear(value)
			},
		})
	})
}

// TestMemoryCacheForgets: an entry ends with its ttl, which each Set starts again.
func TestMemoryCacheForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := growthgenius.NewMemoryCache(0)
		has := func(want string) {
			t.Helper()
			value, ok, err := m.Get(t.Context(), "key")
			if string(value) != want || ok != (want != "") || err != nil {
				t.Errorf("%q %v %v, want %q", value, ok, err, want)
			}
		}
		set := func(value string, ttl time.Duration) {
			t.Helper()
			if err := m.Set(t.Context(), "key", []byte(value), ttl); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute - 1)
		}
		set("a", time.Minute)
		has("a")
		set("b", time.Minute)
		has("b")
		time.Sleep(time.Nanosecond)
		has("")
		set("c", 0)
		has("")
		set("d", time.Hour)
		set("e", -1)
		has("")
		// What is not kept takes no space.
		small := growthgenius.NewMemoryCache(entryBytes + 10)
		for _, err := range []error{small.Set(t.Context(), "a", []byte("value"), time.Hour), small.Set(t.Context(), "b", []byte("value"), 0)} {
			if err != nil {
				t.Error(err)
			}
		}
		if _, ok, _ := small.Get(t.Context(), "a"); !ok {
			t.Error("an entry made room for one that is not kept")
		}
	})
}

// TestMemoryCacheDefault: without a bound, there is the default one.
func TestMemoryCacheDefault(t *testing.T) {
	t.Parallel()
	large := make([]byte, 20<<20)
	for _, bound := range []int64{0, -1} {
		m := growthgenius.NewMemoryCache(bound)
		for i := range 4 {
			if err := m.Set(t.Context(), strconv.Itoa(i), large, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range []bool{false, true, true, true} {
			if _, ok, err := m.Get(t.Context(), strconv.Itoa(i)); ok != want || err != nil {
				t.Errorf("%d: %v %v", i, ok, err)
			}
		}
	}
}

// TestMemoryCacheIsShared: any number of goroutines may use it.
func TestMemoryCacheIsShared(t *testing.T) {
	t.Parallel()
	m := growthgenius.NewMemoryCache(10 * (entryBytes + 20))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 200 {
				key := strconv.Itoa((i + n) % 20)
				if err := m.Set(t.Context(), key, []byte("value of "+key), time.Hour); err != nil {
					t.Error(err)
				}
				if value, ok, err := m.Get(t.Context(), key); err != nil || ok && string(value) != "value of "+key {
					t.Errorf("%s: %s %v", key, value, err)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzCachedValue: whatever a cache returns, the lookup treats it like a response of the API,
// or sends a request.
func FuzzCachedValue(f *testing.F) {
	for _, value := range []string{
		"growthgenius/1 200 946684800\n" + tesla, "growthgenius/1 404 946684800\n{\"error\":\"nobody\"}", "growthgenius/1 404 946684800\n",
		"growthgenius/1 200 946684800\n{\"contact\":{\"company_name\":\"Tesla\"}}", "growthgenius/1 200 944092800\n{\"id\":\"old\"}", "growthgenius/1 200 946690000\n{\"id\":\"tomorrow's\"}",
		"growthgenius/2 200 946684800\n{}", "growthgenius/1 200 99999999999999999999\n{}", "growthgenius/1 200 -1\n{}", "", "\n", "{}",
	} {
		f.Add([]byte(value))
	}
	form := regexp.MustCompile(`\Agrowthgenius/1 (200|404) [+-]?\d+\n`)
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) > 1<<16 {
			t.Skip("large")
		}
		synctest.Test(t, func(t *testing.T) {
			for _, question := range []any{"tesla.com", growthgenius.PersonQuery{Email: "elon@tesla.com"}} {
				kept := &spy{values: map[string][]byte{}}
				s := answering(200, `{"id":"fresh"}`)
				c := testkit.Scripted(t, s, cached(given{kept, value}))
				var info growthgenius.ResponseInfo
				err := ask(t.Context(), c, question, growthgenius.CaptureResponse(&info))
				refusal, refused := errors.AsType[*growthgenius.APIError](err)
				parts := form.FindSubmatch(value)
				switch {
				case !info.FromCache:
					if err != nil || s.Sent.Load() != 1 || kept.sets != 1 {
						t.Fatalf("%v, %d requests, %d kept", err, s.Sent.Load(), kept.sets)
					}
				case parts == nil, string(parts[1]) != strconv.Itoa(info.StatusCode), s.Sent.Load() != 0, kept.sets != 0:
					t.Fatalf("used, with %+v", info)
				case info.StatusCode == 200 && err != nil,
					info.StatusCode == 404 && (!refused || refusal.StatusCode != 404 || !bytes.HasPrefix(value[len(parts[0]):], refusal.Body)):
					t.Fatal(err)
				}
			}
		})
	})
}

// given is a spy that returns a value for every key.
type given struct {
	*spy
	value []byte
}

func (g given) Get(context.Context, string) ([]byte, bool, error) { return g.value, true, nil }
