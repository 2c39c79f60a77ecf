package growthgenius_test

import (
	"bytes"
	"context"
	"encoding/json"
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
	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// spy is a cache that shows what is in it, never forgets anything, and misbehaves where
// it is told to.
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

// answering is a script that always gives the same answer, after a second.
func answering(status int, body string) *script {
	return &script{answer: func(int, *http.Request) (*http.Response, error) {
		time.Sleep(time.Second)
		return reply(status, body, "X-Request-Id", "r1"), nil
	}}
}

func cached(cache growthgenius.EnrichmentCache) growthgenius.Option {
	return growthgenius.WithEnrichmentCache(cache)
}

// once is a policy that does not try again.
var once = growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1})

// ask looks up a company, by its domain, or a person, by a query.
func ask(ctx context.Context, c *growthgenius.Client, question any, opts ...growthgenius.RequestOption) error {
	if q, ok := question.(growthgenius.PersonQuery); ok {
		return last(c.Enrichment.Person(ctx, q, opts...))
	}
	return last(c.Enrichment.Company(ctx, question.(string), opts...))
}

// TestOneRequestForAllSpellings: what asks for the same is one request, in its one form,
// and what does not is another.
func TestOneRequestForAllSpellings(t *testing.T) {
	t.Parallel()
	type query = growthgenius.PersonQuery
	for sent, spellings := range map[string][]any{
		"/companies/find?domain=tesla.com": {
			"tesla.com", "Tesla.com", " TESLA.COM\n", "https://www.tesla.com/about?x=1", "http://tesla.com:80#top", "//tesla.com", "tesla.com.", "www.tesla.com.", "ｔｅｓｌａ。com",
		},
		"/companies/find?domain=xn--bcher-kva.example":    {"bücher.example", "xn--bcher-kva.example", "BÜCHER.example", "https://www.XN--bcher-KVA.example/"},
		"/people/find?email=elon%40tesla.com":             {query{Email: "elon@tesla.com"}, query{Email: " Elon@Tesla.COM\t"}, query{Email: "elon@tesla.com", WebsiteURL: "http://www.tesla.com"}, query{Email: "elon@tesla.com."}},
		"/people/find?email=jane%40xn--bcher-kva.example": {query{Email: "jane@bücher.example"}, query{Email: "Jane@BÜCHER.example"}, query{Email: "jane@xn--bcher-kva.example."}},
		"/people/find?account_name=Tesla+Motors&first_name=Elon&last_name=Musk": {
			query{FirstName: "Elon", LastName: "Musk", AccountName: "Tesla  Motors"}, query{FirstName: " elon ", LastName: "MUSK", AccountName: "\ttesla motors"},
		},
		"/people/find?last_name=Musk&website_url=http%3A%2F%2Fwww.tesla.com": {
			query{LastName: "Musk", WebsiteURL: "http://www.tesla.com"}, query{LastName: "Musk", WebsiteURL: "Tesla.com"}, query{LastName: "musk", WebsiteURL: "https://tesla.com./#about"},
		},
	} {
		t.Run(strings.ReplaceAll(sent, "%40", " at "), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				path, values, _ := strings.Cut(sent, "?")
				s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
					query := r.URL.Query()
					query.Del("user_id")
					if r.URL.Path != "/integrations/v1"+path || query.Encode() != values {
						t.Errorf("sent %s", r.URL)
					}
					return reply(200, tesla), nil
				}}
				kept := new(spy)
				c := scripted(t, s, cached(kept))
				for _, spelling := range spellings {
					if err := ask(t.Context(), c, spelling); err != nil {
						t.Errorf("%q: %v", spelling, err)
					}
				}
				if n := s.n.Load(); n != 1 || len(kept.keys()) != 1 {
					t.Errorf("%d requests for %d spellings, kept as %s", n, len(spellings), kept.keys())
				}
			})
		})
	}
}

// TestDifferentQuestions: none is answered with another's answer.
func TestDifferentQuestions(t *testing.T) {
	t.Parallel()
	type query = growthgenius.PersonQuery
	questions := []any{
		"tesla.com", "tesla.co", "shop.tesla.com", "1.2.3.4", "www.com",
		query{Email: "elon@tesla.com"}, query{Email: "elon+x@tesla.com"}, query{Email: "elon@tesla.com", FirstName: "Elon"},
		query{FirstName: "Elon", AccountName: "Tesla"}, query{LastName: "Elon", AccountName: "Tesla"}, query{FirstName: "Elon", LastName: "Musk", AccountName: "Tesla"},
		query{FirstName: "Elon Musk", AccountName: "Tesla"}, query{FirstName: "Elon", LastName: `Musk" "Tesla`, WebsiteURL: "x"}, query{FirstName: "Elon", LastName: "Musk", AccountName: "Tesla", WebsiteURL: "x"},
		query{FirstName: "Elon", WebsiteURL: "tesla"}, query{FirstName: "Elon", WebsiteURL: "linkedin.com/company/tesla"}, query{FirstName: "Elon", WebsiteURL: "linkedin.com/company/spacex"},
		query{FirstName: "Elon", WebsiteURL: "linkedin.com?id=1"}, query{FirstName: "Elon", WebsiteURL: "linkedin.com"}, query{FirstName: "Elon", WebsiteURL: "me@linkedin.com/a"}, query{FirstName: "Elon", WebsiteURL: "me@linkedin.com/b"},
	}
	kept := new(spy)
	s := &script{answer: func(n int, _ *http.Request) (*http.Response, error) {
		return reply(200, fmt.Sprintf(`{"id":"%d"}`, n)), nil
	}}
	c := scripted(t, s, cached(kept))
	for range 2 {
		for _, question := range questions {
			if err := ask(t.Context(), c, question); err != nil {
				t.Errorf("%+v: %v", question, err)
			}
		}
	}
	if n := s.n.Load(); int(n) != len(questions) || len(kept.keys()) != len(questions) {
		t.Errorf("%d requests and %d keys for %d questions", n, len(kept.keys()), len(questions))
	}
}

// TestKeysOfTheCache: they say nothing of people or of the API key, and are apart for
// accounts, servers and person paths, but not for users.
func TestKeysOfTheCache(t *testing.T) {
	t.Parallel()
	const apiKey = "SECRET"
	kept := new(spy)
	questions := []any{"tesla.com", growthgenius.PersonQuery{Email: "elon@tesla.com"}, growthgenius.PersonQuery{FirstName: "Elon", LastName: "Musk", AccountName: "SpaceX"}}
	askAll := func(apiKey string, opts ...growthgenius.Option) (asked int64) {
		s := &script{answer: func(int, *http.Request) (*http.Response, error) { return reply(200, tesla), nil }}
		base := []growthgenius.Option{cached(kept), growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: s})}
		c, err := growthgenius.NewClient(apiKey, censored(base, opts)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, question := range questions {
			if err := ask(t.Context(), c, question); err != nil {
				t.Errorf("%+v: %v", question, err)
			}
		}
		return s.n.Load()
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

// TestAnswersAreKeptFor30Days: whether or not the cache knows when to forget.
func TestAnswersAreKeptFor30Days(t *testing.T) {
	t.Parallel()
	for name, cache := range map[string]growthgenius.EnrichmentCache{"spy": new(spy), "memory": growthgenius.NewMemoryCache(0)} {
		for _, status := range []int{200, 404} {
			synctest.Test(t, func(t *testing.T) {
				s := answering(status, tesla)
				c := scripted(t, s, cached(cache))
				domain := fmt.Sprint(status, ".example.com")
				look := func(fresh bool) {
					t.Helper()
					var info growthgenius.ResponseInfo
					begun, before := time.Now(), s.n.Load()
					err := ask(t.Context(), c, domain, growthgenius.CaptureResponse(&info))
					if (status == 404) != errors.Is(err, growthgenius.ErrNotFound) || (status == 200) != (err == nil) {
						t.Error(name, err)
					}
					want := growthgenius.ResponseInfo{StatusCode: status, FromCache: true}
					if fresh {
						want = growthgenius.ResponseInfo{StatusCode: status, Attempts: 1, RequestID: "r1", Header: info.Header, Duration: time.Since(begun)}
					}
					if diff := cmp.Diff(want, info); diff != "" || (s.n.Load() > before) != fresh || fresh == (time.Since(begun) == 0) {
						t.Error(name, diff)
					}
				}
				look(true)
				look(false)
				time.Sleep(30*24*time.Hour - time.Minute)
				look(false)
				time.Sleep(time.Minute)
				look(true)
				look(false)
				if s, ok := cache.(*spy); ok && s.ttl != 30*24*time.Hour {
					t.Errorf("a ttl of %s", s.ttl)
				}
			})
		}
	}
}

// TestKeptRecords: what comes from the cache is what came from the API, down to the fields
// that nobody knows.
func TestKeptRecords(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	bare := growthgeniustest.NewServer(t, growthgeniustest.WithBareCompany())
	for _, srv := range []*growthgeniustest.Server{srv, bare} {
		plain, keeping := live(t, srv), live(t, srv, cached(new(spy)))
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

// TestNobodyFoundIsKept: with all that the API said about it.
func TestNobodyFoundIsKept(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `no such company`, `{"error":{"code":"no_match","message":"nobody is known there"}}`, `{"errors":{"domain":["is unknown"]}}`, "{\"error\":\"two\\nlines\"}\n\n\x00\xff",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := answering(404, body)
			c := scripted(t, s, cached(new(spy)))
			var errs []*growthgenius.APIError
			for range 2 {
				refusal, ok := errors.AsType[*growthgenius.APIError](ask(t.Context(), c, "nobody.example"))
				if !ok || !errors.Is(refusal, growthgenius.ErrNotFound) {
					t.Fatal(refusal)
				}
				errs = append(errs, refusal)
			}
			want := *errs[0]
			want.RequestID = "" // of a request that was not made
			if diff := cmp.Diff(&want, errs[1]); diff != "" || string(want.Body) != body || s.n.Load() != 1 {
				t.Errorf("%d requests: %s", s.n.Load(), diff)
			}
		})
	}
}

// TestWhatIsNeverKept: 202, failures, and what cannot be told from one.
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
		{410, `{}`, nil},
		{422, `{}`, growthgenius.ErrValidation},
		{429, `{}`, growthgenius.ErrRateLimited},
		{500, `{}`, growthgenius.ErrServer},
		{503, tesla, growthgenius.ErrServer},
		{0, ``, nil}, // no answer
		{200, strings.Repeat(" ", 1000) + tesla, growthgenius.ErrResponseTooLarge},
	} {
		for _, question := range []any{"tesla.com", growthgenius.PersonQuery{Email: "elon@tesla.com"}} {
			kept := new(spy)
			s := &script{answer: func(int, *http.Request) (*http.Response, error) {
				if tt.status == 0 {
					return nil, errors.New("connection reset")
				}
				return reply(tt.status, tt.body), nil
			}}
			c := scripted(t, s, cached(kept), once, growthgenius.WithMaxResponseBytes(1000))
			for range 2 {
				if err := ask(t.Context(), c, question); err == nil || tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("%d %q: %v", tt.status, tt.body, err)
				}
			}
			if n := s.n.Load(); n != 2 || kept.sets != 0 {
				t.Errorf("%d %q: %d requests, %d kept", tt.status, tt.body, n, kept.sets)
			}
		}
	}
}

// TestTheAPIKeyIsNotKept: an answer that quotes it is for the caller alone, and of one that
// is an error it is taken out.
func TestTheAPIKeyIsNotKept(t *testing.T) {
	t.Parallel()
	for status, sets := range map[int]int{200: 0, 404: 1} {
		kept := new(spy)
		s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
			return reply(status, fmt.Sprintf(`{"name":"Tesla","message":"no %s"}`, r.Header.Get("Authorization"))), nil
		}}
		c := scripted(t, s, cached(kept))
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

// TestAThousandAskers: they make one call, whoever they are, and each gets a record and a
// ResponseInfo that are nobody else's.
func TestAThousandAskers(t *testing.T) {
	t.Parallel()
	const askers = 1000
	synctest.Test(t, func(t *testing.T) {
		kept := new(spy)
		s := answering(200, tesla)
		c := scripted(t, s, cached(kept))
		companies, infos := make([]*growthgenius.Company, askers), make([]growthgenius.ResponseInfo, askers)
		for round := range 2 { // the second from the cache
			var wg sync.WaitGroup
			for i := range askers {
				wg.Go(func() {
					client, as := c, growthgenius.AsUser(growthgenius.IntID(int64(i)))
					if i%2 == 0 {
						client, as = c.ForUser(growthgenius.IntID(int64(i))), nil
					}
					var err error
					companies[i], err = client.Enrichment.Company(t.Context(), "tesla.com", as, growthgenius.CaptureResponse(&infos[i]))
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if n := s.n.Load(); n != 1 || kept.sets != 1 || round == 0 && kept.gets != 1 {
				t.Errorf("%d requests, %d Gets, %d Sets", n, kept.gets, kept.sets)
			}
			want := growthgenius.ResponseInfo{StatusCode: 200, FromCache: true}
			if round == 0 {
				want = growthgenius.ResponseInfo{StatusCode: 200, Attempts: 1, RequestID: "r1", Duration: time.Second, Header: infos[0].Header.Clone()}
			}
			for i, company := range companies {
				if got := mustEncode(t, company); got != tesla {
					t.Fatalf("%d: %s", i, got)
				}
				if diff := cmp.Diff(want, infos[i]); diff != "" {
					t.Fatal(diff)
				}
				// Spoil all that could be shared.
				*company.Size = 0
				company.Tags[0], company.Location.Locality = "", ""
				for _, extra := range []map[string]json.RawMessage{company.Extra, company.Location.Extra} {
					for _, raw := range extra {
						clear(raw)
					}
					clear(extra)
				}
				for name := range infos[i].Header {
					infos[i].Header[name][0] = ""
				}
				clear(infos[i].Header)
			}
		}
	})
}

func mustEncode(t *testing.T, v json.Marshaler) string {
	t.Helper()
	data, err := v.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestSharedFailure: all who share a call share its failure, and who asks later makes
// another.
func TestSharedFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := new(spy)
		s := answering(403, `{"errors":{"user_id":["is not yours"]}}`)
		c := scripted(t, s, cached(kept))
		for range 2 {
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					var info growthgenius.ResponseInfo
					err := ask(t.Context(), c, "tesla.com", growthgenius.CaptureResponse(&info))
					refusal, ok := errors.AsType[*growthgenius.APIError](err)
					if !ok || !errors.Is(err, growthgenius.ErrForbidden) || len(refusal.Fields["user_id"]) != 1 || info.StatusCode != 403 || info.FromCache {
						t.Error(err, info)
						return
					}
					clear(refusal.Fields) // each has its own
					clear(refusal.Body)
				})
			}
			wg.Wait()
		}
		if n := s.n.Load(); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestTransportThatGivesUp: one that ends its goroutine, as t.FailNow does in a test, does
// not leave the askers waiting.
func TestTransportThatGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := scripted(t, &script{answer: func(int, *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			defer runtime.Goexit()
			return nil, errors.New("nobody sees this")
		}}, cached(new(spy)))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := ask(t.Context(), c, "tesla.com"); err == nil || !strings.Contains(err.Error(), "GET /companies/find: the lookup ended without an answer") {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// TestMistakesAreNotShared: a call that cannot be made fails alone, whether or not others
// ask the same, and the answer is kept.
func TestMistakesAreNotShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := answering(200, tesla)
		c := scripted(t, s, cached(new(spy)))
		mistakes := func() {
			for _, err := range []error{
				ask(t.Context(), c, "tesla.com", growthgenius.WithHeader("Authorization", "x")),
				ask(t.Context(), c.ForUser(""), "tesla.com"),
				ask(t.Context(), c, "tesla com"),
			} {
				if !errors.Is(err, growthgenius.ErrInvalidInput) {
					t.Error(err)
				}
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			var info growthgenius.ResponseInfo
			if err := ask(ended, c, "tesla.com", growthgenius.CaptureResponse(&info)); !errors.Is(err, context.Canceled) || info.StatusCode != 0 {
				t.Error(err, info)
			}
		}
		mistakes()
		if n := s.n.Load(); n != 0 {
			t.Errorf("%d requests", n)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := ask(t.Context(), c, "tesla.com"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		mistakes()
		wg.Wait()
		mistakes()
		if n := s.n.Load(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// asker gives up after a time, or never.
type asker struct {
	comes, leaves time.Duration // leaves 0: never
}

// TestAskersThatLeave: each ends at once, and alone. The call goes on until the last has
// left, whoever began it.
func TestAskersThatLeave(t *testing.T) {
	t.Parallel()
	const takes = 10 * time.Second
	ms := time.Millisecond
	for name, tt := range map[string]struct {
		askers   []asker
		requests int64
		ended    []time.Duration // when the requests ended, from their beginnings
		kept     int
	}{
		"the first leaves":              {[]asker{{0, 100 * ms}, {50 * ms, 0}, {60 * ms, 0}}, 1, []time.Duration{takes}, 1},
		"all but the last leave":        {[]asker{{0, 100 * ms}, {50 * ms, 200 * ms}, {60 * ms, 0}}, 1, []time.Duration{takes}, 1},
		"all leave":                     {[]asker{{0, 100 * ms}, {50 * ms, 200 * ms}, {60 * ms, 150 * ms}}, 1, []time.Duration{200 * ms}, 0},
		"one comes after all have left": {[]asker{{0, 100 * ms}, {50 * ms, 200 * ms}, {300 * ms, 0}, {400 * ms, 0}}, 2, []time.Duration{200 * ms, takes}, 1},
	} {
		for ending := range endings {
			t.Run(name+"/"+ending.Error(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var mu sync.Mutex
					var ended []time.Duration
					s := &script{answer: func(_ int, r *http.Request) (*http.Response, error) {
						begun := time.Now()
						defer func() {
							mu.Lock()
							defer mu.Unlock()
							ended = append(ended, time.Since(begun))
						}()
						select {
						case <-time.After(takes):
							return reply(200, tesla), nil
						case <-r.Context().Done():
							return nil, r.Context().Err()
						}
					}}
					kept := new(spy)
					c := scripted(t, s, cached(kept))
					var wg sync.WaitGroup
					for _, p := range tt.askers {
						wg.Go(func() {
							time.Sleep(p.comes)
							ctx := t.Context()
							if p.leaves > 0 {
								var cancel context.CancelFunc
								if errors.Is(ending, context.Canceled) {
									ctx, cancel = context.WithCancel(ctx)
									time.AfterFunc(p.leaves-p.comes, cancel)
								} else {
									ctx, cancel = context.WithTimeout(ctx, p.leaves-p.comes)
								}
								defer cancel()
							}
							begun := time.Now()
							company, err := c.Enrichment.Company(ctx, "tesla.com")
							if p.leaves == 0 {
								if err != nil || company.ID != "tesla" {
									t.Error(company, err)
								}
								return
							}
							if left := time.Since(begun); left != p.leaves-p.comes || !errors.Is(err, ending) || !strings.Contains(err.Error(), "GET /companies/find") {
								t.Errorf("after %s: %v", left, err)
							}
						})
					}
					wg.Wait()
					synctest.Wait()
					if s.n.Load() != tt.requests || !slices.Equal(ended, tt.ended) || kept.sets != tt.kept {
						t.Errorf("%d requests that ended after %s, %d kept", s.n.Load(), ended, kept.sets)
					}
				})
			})
		}
	}
}

// TestAnswerThatIsBeingKept: who asks meanwhile waits for it, who leaves meanwhile takes it
// along, and it is kept though nobody is left.
func TestAnswerThatIsBeingKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &spy{set: func(ctx context.Context) error {
			time.Sleep(time.Second)
			return ctx.Err()
		}}
		s := answering(200, tesla)
		c := scripted(t, s, cached(kept))
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if err := ask(ctx, c, "tesla.com"); err != nil || time.Since(begun) != 1500*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		if err := ask(t.Context(), c, "tesla.com"); err != nil || time.Since(begun) != 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		if s.n.Load() != 1 || kept.gets != 1 || kept.sets != 1 {
			t.Errorf("%d requests, %d Gets, %d Sets", s.n.Load(), kept.gets, kept.sets)
		}
	})
}

// TestAnswerAfterAllHaveLeft: it is kept, since it is paid for, and is none of the business
// of the call that others have begun meanwhile.
func TestAnswerAfterAllHaveLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &spy{set: func(ctx context.Context) error { return ctx.Err() }}
		s := &script{answer: func(int, *http.Request) (*http.Response, error) {
			time.Sleep(10 * time.Second) // whatever becomes of the context
			return reply(200, tesla), nil
		}}
		c := scripted(t, s, cached(kept))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := ask(ctx, c, "tesla.com"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		var wg sync.WaitGroup
		for _, wait := range []time.Duration{time.Second, 6 * time.Second} { // before that answer, and after it
			wg.Go(func() {
				time.Sleep(wait)
				if err := ask(t.Context(), c, "tesla.com"); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(5500 * time.Millisecond)
		if n := s.n.Load(); n != 2 || len(kept.keys()) != 1 {
			t.Errorf("%d requests, kept %s", n, kept.keys())
		}
		wg.Wait()
		if s.n.Load() != 2 || kept.gets != 2 {
			t.Errorf("%d requests, %d Gets", s.n.Load(), kept.gets)
		}
	})
}

// deaf is how long a cache hangs that does not watch its context.
const deaf = time.Hour

// TestFailingCache: whatever is wrong with it, the lookup succeeds, in bounded time, and
// the log says why without saying for whom.
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
					var logged journal
					c := scripted(t, answering(200, `{"id":"tesla"}`), cached(kept), logged.option())
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
					for _, l := range logged.lines(t) {
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

// TestHangingCacheAndContext: a hang costs an asker no more than its context has left.
func TestHangingCacheAndContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged journal
		s := answering(200, tesla)
		c := scripted(t, s, cached(&spy{get: func(context.Context) error { time.Sleep(deaf); return nil }}), logged.option())
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := ask(ctx, c, "tesla.com"); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 500*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		synctest.Wait()
		if s.n.Load() != 0 || logged.buf.Len() != 0 {
			t.Errorf("%d requests, %s", s.n.Load(), logged.buf.String())
		}
		time.Sleep(deaf)
	})
}

// TestLogOfAFailingCache: an error that quotes the key of the cache, or the API key, does
// not bring either into the log.
func TestLogOfAFailingCache(t *testing.T) {
	t.Parallel()
	var logged journal
	cache := quoter{}
	c := scripted(t, &script{answer: func(int, *http.Request) (*http.Response, error) { return reply(200, tesla), nil }}, cached(cache), logged.option())
	for _, question := range []any{"secret.example.com", growthgenius.PersonQuery{Email: "secret@example.com"}} {
		if err := ask(t.Context(), c, question); err != nil {
			t.Error(err)
		}
	}
	if text := logged.buf.String(); strings.Contains(text, "secret") || strings.Contains(text, "person:") || strings.Count(text, "no [key] at") != 4 {
		t.Error(text)
	}
}

// quoter is a cache whose errors say more than they should.
type quoter struct{}

func (quoter) Get(_ context.Context, key string) ([]byte, bool, error) {
	return nil, false, fmt.Errorf("no %s at redis", key)
}

func (quoter) Set(_ context.Context, key string, _ []byte, _ time.Duration) error {
	return fmt.Errorf("no %s at redis", key)
}

// TestUnreadableValues: each is a miss, and replaced.
func TestUnreadableValues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := new(spy)
		var logged journal
		s := answering(200, tesla)
		c := scripted(t, s, cached(kept), logged.option())
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
			before := s.n.Load()
			company, err := c.Enrichment.Company(t.Context(), "tesla.com")
			if err != nil || company.ID != "tesla" || (s.n.Load() == before) != used {
				t.Errorf("%.100q: %v, %v; used is not %v", value, company, err, used)
			}
			if got := string(kept.one(t)); !used && !strings.HasSuffix(got, "\n"+body) || used && got != value {
				t.Errorf("%.100q is replaced by %q", value, got)
			}
		}
		if text := logged.buf.String(); !strings.Contains(text, "a value in it cannot be used") || strings.Contains(text, "tesla") {
			t.Error(text)
		}
	})
}

// TestLargeValues: an answer that would be refused fresh is refused from the cache.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	kept := new(spy)
	s := &script{answer: func(int, *http.Request) (*http.Response, error) { return reply(200, tesla), nil }}
	if err := ask(t.Context(), scripted(t, s, cached(kept)), "tesla.com"); err != nil {
		t.Fatal(err)
	}
	size := int64(len(tesla))
	if err := ask(t.Context(), scripted(t, s, cached(kept), growthgenius.WithMaxResponseBytes(size)), "tesla.com"); err != nil || s.n.Load() != 1 {
		t.Errorf("%v, %d requests", err, s.n.Load())
	}
	if err := ask(t.Context(), scripted(t, s, cached(kept), growthgenius.WithMaxResponseBytes(size-1)), "tesla.com"); !errors.Is(err, growthgenius.ErrResponseTooLarge) || s.n.Load() != 2 {
		t.Errorf("%v, %d requests", err, s.n.Load())
	}
}

// TestOdditiesFromTheCache: they are logged, or refused, as those of a fresh answer are.
func TestOdditiesFromTheCache(t *testing.T) {
	t.Parallel()
	kept := new(spy)
	s := &script{answer: func(int, *http.Request) (*http.Response, error) { return reply(200, tesla), nil }}
	var logs [2]journal
	for i := range logs {
		for range 2 {
			if err := ask(t.Context(), scripted(t, s, cached(kept), logs[i].option()), "tesla.com"); err != nil {
				t.Fatal(err)
			}
		}
	}
	warnings := func(logged *journal) (found []string) {
		for _, l := range logged.lines(t) {
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
	if n := s.n.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	empty := new(spy)
	for _, cache := range []*spy{kept, empty} {
		err := ask(t.Context(), scripted(t, s, cached(cache), growthgenius.WithStrictDecoding()), "tesla.com")
		if !errors.Is(err, growthgenius.ErrDecode) || !strings.Contains(err.Error(), "strict decoding: Company.odd is unknown") {
			t.Error(err)
		}
	}
	if empty.sets != 0 {
		t.Error("a refused answer was kept")
	}
}

// TestNoCache: a nil one is a mistake.
func TestNoCache(t *testing.T) {
	t.Parallel()
	if _, err := growthgenius.NewClient("key", growthgenius.WithEnrichmentCache(nil)); !errors.Is(err, growthgenius.ErrInvalidInput) {
		t.Error(err)
	}
}

// entryBytes is what MemoryCache counts for an entry besides its key and value.
const entryBytes = 256

// TestMemoryCacheIsALRU compares it with a list.
func TestMemoryCacheIsALRU(t *testing.T) {
	t.Parallel()
	type entry struct{ key, value string }
	rapid.Check(t, func(t *rapid.T) {
		ctx := t.Context()
		most := rapid.IntRange(1, 5*(entryBytes+100)).Draw(t, "bytes")
		m := growthgenius.NewMemoryCache(int64(most))
		var model []entry // the last used last
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
				clear(value) // it is the caller's
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

// TestMemoryCacheForgets: at the end of the ttl, which begins anew with each Set.
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
		// What is not kept takes no room.
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

// TestMemoryCacheDefault: no bound means the default one.
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

// FuzzCachedValue: whatever a cache gives back, the lookup is answered from it as from the
// API, or made.
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
				c := scripted(t, s, cached(given{kept, value}))
				var info growthgenius.ResponseInfo
				err := ask(t.Context(), c, question, growthgenius.CaptureResponse(&info))
				refusal, refused := errors.AsType[*growthgenius.APIError](err)
				parts := form.FindSubmatch(value)
				switch {
				case !info.FromCache:
					if err != nil || s.n.Load() != 1 || kept.sets != 1 {
						t.Fatalf("%v, %d requests, %d kept", err, s.n.Load(), kept.sets)
					}
				case parts == nil, string(parts[1]) != strconv.Itoa(info.StatusCode), s.n.Load() != 0, kept.sets != 0:
					t.Fatalf("used, with %+v", info)
				case info.StatusCode == 200 && err != nil,
					info.StatusCode == 404 && (!refused || refusal.StatusCode != 404 || !bytes.HasPrefix(value[len(parts[0]):], refusal.Body)):
					t.Fatal(err)
				}
			}
		})
	})
}

// given is a spy that has a value for every key.
type given struct {
	*spy
	value []byte
}

func (g given) Get(context.Context, string) ([]byte, bool, error) { return g.value, true, nil }
