package growthgenius_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// sentDomain returns a function that looks up a company, and returns the domain that the
// request has. There is none if the lookup refused it.
func sentDomain(t testing.TB) func(ctx context.Context, domain string) (string, error) {
	t.Helper()
	sent := ""
	c := testkit.Fuzzed(t, testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
		sent = r.URL.Query().Get("domain")
		return testkit.Reply(200, `{"id":"x"}`), nil
	}))
	return func(ctx context.Context, domain string) (string, error) {
		sent = ""
		_, err := c.Enrichment.Company(ctx, domain)
		return sent, err
	}
}

// TestDomains: each domain is sent in one form, and what is not a domain is an error.
func TestDomains(t *testing.T) {
	t.Parallel()
	sent := sentDomain(t)
	for in, want := range map[string]string{
		"tesla.com": "tesla.com", " Tesla.COM\n": "tesla.com", "www.tesla.com": "tesla.com", "WWW.Tesla.com": "tesla.com", "www.www.tesla.com": "tesla.com",
		"https://tesla.com": "tesla.com", "HTTP://www.tesla.com:8080/about?x=http://other.com#y": "tesla.com", "//tesla.com/x": "tesla.com", "tesla.com/a//b": "tesla.com",
		"tesla.com?u=https://other.com": "tesla.com", "tesla.com:443": "tesla.com", "tesla.com.": "tesla.com", "https://tesla.com./": "tesla.com",
		"münchen.de": "xn--mnchen-3ya.de", "MÜNCHEN.de": "xn--mnchen-3ya.de", "xn--mnchen-3ya.de": "xn--mnchen-3ya.de", "www。ｔｅｓｌａ。com": "tesla.com", "例え.jp": "xn--r8jz45g.jp",
		"www.com": "www.com", "www.co.uk": "co.uk", "a.b.c.example.co.uk": "a.b.c.example.co.uk", "tesla.com:": "tesla.com", "tesla.com:/x": "tesla.com",
		"\ufefftes\u200bla.com": "tesla.com", "https://tes\u00adla\u2060.com": "tesla.com", "ht\u200dtps://tesla.com": "tesla.com", "tesla.com\ufe0f": "tesla.com", "tes\u3164la.com": "tesla.com",
		"1.2.3.4": "", "10.0.0.10": "", "localhost": "", "http://http://acme.example": "", "https://www.http://acme.example": "", "http//acme.example": "", "http:acme.example": "", "acme.example://": "",
		"N/A": "", "n/a": "", "unknown": "", "www.unknown": "", "http://none/": "", "-": "", "--": "", "k.A.": "", "k. A.": "", "n.a.": "", "?": "", "\u200b": "",
		"": "", " ": "", "https://": "", "/": "", ".": "", "..": "", "tesla.com..": "", ".tesla.com": "", "tesla..com": "", "tesla com": "", "tesla.com\x00": "",
		"elon@tesla.com": "", "https://user@tesla.com": "", "-tesla.com": "", "tes_la.com": "", "tesla.com:https": "", "[::1]": "", "[::1]:80": "", "tesla,com": "", "a\tb.com": "", "tesla.com:80:90": "", "xn--a.com": "",
	} {
		got, err := sent(t.Context(), in)
		if got != want || (want == "") != errors.Is(err, growthgenius.ErrInvalidInput) {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
		if want == "" {
			testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
		}
	}
	for in, want := range map[string]string{
		"elon@tesla.com": "use Person",
		"tesla com":      `invalid domain: it should look like "tesla.com"`,
	} {
		if _, err := sent(t.Context(), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

// TestPersonQueries: a query needs an e-mail address, or a name and a company.
func TestPersonQueries(t *testing.T) {
	t.Parallel()
	c := testkit.Unused(t)
	for _, q := range []growthgenius.PersonQuery{
		{}, {Email: " "}, {Email: "elon"}, {Email: "@tesla.com"}, {Email: "elon@"}, {Email: "elon musk@tesla.com"}, {Email: "a@b.c\r\nx"}, {FirstName: "Elon"}, {FirstName: "Elon", LastName: "Musk"},
		{AccountName: "Tesla"}, {WebsiteURL: "tesla.com"}, {FirstName: " ", AccountName: "Tesla"}, {LastName: "Musk", AccountName: " "}, {Email: "nobody", LastName: "Musk", AccountName: "Tesla"},
		{Email: "Elon Musk <elon@tesla.com>"}, {Email: "elon@tesla.com,tony@tesla.com"}, {Email: "elon@-"}, {Email: "n/a"}, {Email: "k.A."}, {Email: "\u200b"},
	} {
		_, err := c.Enrichment.Person(t.Context(), q)
		testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
		if err == nil || !strings.Contains(err.Error(), "e-mail") {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for _, website := range []string{"http://http://acme.example", "http//acme.example", "N/A", "unknown", "n/a", "-", "k.A.", "tesla", "me@tesla.com"} {
		_, err := c.Enrichment.Person(t.Context(), growthgenius.PersonQuery{LastName: "Musk", AccountName: "Tesla", WebsiteURL: website})
		testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
		if err == nil || !strings.Contains(err.Error(), "the website") {
			t.Errorf("%s: %v", website, err)
		}
	}
	_, err := c.Enrichment.Person(t.Context(), growthgenius.PersonQuery{Email: "elon"})
	if want := `invalid e-mail address: it should look like "elon@tesla.com"`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	for _, q := range []growthgenius.PersonQuery{{Email: "a@b"}, {LastName: "Musk", WebsiteURL: "tesla.com"}, {FirstName: "Elon", AccountName: "Tesla"}} {
		api := testkit.NewAPI(t).On("GET", "/people/find", 200, `{"id":"x"}`)
		if _, err := api.Client().Enrichment.Person(t.Context(), q); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// TestOneRequestForAllSpellings: different spellings of a question are one request, in one
// form. Different questions are different requests.
func TestOneRequestForAllSpellings(t *testing.T) {
	t.Parallel()
	type query = growthgenius.PersonQuery
	for sent, spellings := range map[string][]any{
		"/companies/find?domain=tesla.com": {
			"tesla.com", "Tesla.com", " TESLA.COM\n", "https://www.tesla.com/about?x=1", "http://tesla.com:80#top", "//tesla.com", "tesla.com.", "www.tesla.com.", "ｔｅｓｌａ。com", "tes\u200bla.com\ufeff",
		},
		"/companies/find?domain=xn--bcher-kva.example":    {"bücher.example", "xn--bcher-kva.example", "BÜCHER.example", "https://www.XN--bcher-KVA.example/"},
		"/people/find?email=elon%40tesla.com":             {query{Email: "elon@tesla.com"}, query{Email: " Elon@Tesla.COM\t"}, query{Email: "\ufeffelon@tes\u00adla.com"}, query{Email: "elon@tesla.com", WebsiteURL: "http://www.tesla.com"}, query{Email: "elon@tesla.com."}},
		"/people/find?email=jane%40xn--bcher-kva.example": {query{Email: "jane@bücher.example"}, query{Email: "Jane@BÜCHER.example"}, query{Email: "jane@xn--bcher-kva.example."}},
		"/people/find?account_name=Tesla+Motors&first_name=Elon&last_name=Musk": {
			query{FirstName: "Elon", LastName: "Musk", AccountName: "Tesla  Motors"}, query{FirstName: " elon ", LastName: "MUSK", AccountName: "\ttesla motors"},
			query{FirstName: "El\u00adon", LastName: "Musk\u200b", AccountName: "\ufeffTesla Motors"},
		},
		"/people/find?last_name=Musk&website_url=http%3A%2F%2Fwww.tesla.com": {
			query{LastName: "Musk", WebsiteURL: "http://www.tesla.com"}, query{LastName: "Musk", WebsiteURL: "Tesla.com"}, query{LastName: "Musk", WebsiteURL: "tesla\u200b.com"}, query{LastName: "musk", WebsiteURL: "https://tesla.com./#about"},
		},
	} {
		t.Run(strings.ReplaceAll(sent, "%40", " at "), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				path, values, _ := strings.Cut(sent, "?")
				s := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
					query := r.URL.Query()
					query.Del("user_id")
					if r.URL.Path != "/integrations/v1"+path || query.Encode() != values {
						t.Errorf("sent %s", r.URL)
					}
					return testkit.Reply(200, tesla), nil
				}}
				kept := new(spy)
				c := testkit.Scripted(t, s, cached(kept))
				for _, spelling := range spellings {
					if err := ask(t.Context(), c, spelling); err != nil {
						t.Errorf("%q: %v", spelling, err)
					}
				}
				if n := s.Sent.Load(); n != 1 || len(kept.keys()) != 1 {
					t.Errorf("%d requests for %d spellings, kept as %s", n, len(spellings), kept.keys())
				}
			})
		})
	}
}

// TestDifferentQuestions: none gets the result of another.
func TestDifferentQuestions(t *testing.T) {
	t.Parallel()
	type query = growthgenius.PersonQuery
	questions := []any{
		"tesla.com", "tesla.co", "shop.tesla.com", "www.com",
		query{Email: "elon@tesla.com"}, query{Email: "elon+x@tesla.com"}, query{Email: "elon@tesla.com", FirstName: "Elon"},
		query{FirstName: "Elon", AccountName: "Tesla"}, query{LastName: "Elon", AccountName: "Tesla"}, query{FirstName: "Elon", LastName: "Musk", AccountName: "Tesla"},
		query{FirstName: "Elon Musk", AccountName: "Tesla"}, query{FirstName: "Elon", LastName: `Musk" "Tesla`, WebsiteURL: "x.com"}, query{FirstName: "Elon", LastName: "Musk", AccountName: "Tesla", WebsiteURL: "x.com"},
		query{FirstName: "Elon", WebsiteURL: "tesla.com"}, query{FirstName: "Elon", WebsiteURL: "linkedin.com/company/tesla"}, query{FirstName: "Elon", WebsiteURL: "linkedin.com/company/spacex"},
		query{FirstName: "Elon", WebsiteURL: "linkedin.com?id=1"}, query{FirstName: "Elon", WebsiteURL: "linkedin.com"}, query{FirstName: "Elon", WebsiteURL: "medium.com/@elon"}, query{FirstName: "Elon", WebsiteURL: "medium.com/@tony"},
	}
	kept := new(spy)
	s := &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
		return testkit.Reply(200, fmt.Sprintf(`{"id":"%d"}`, n)), nil
	}}
	c := testkit.Scripted(t, s, cached(kept))
	for range 2 {
		for _, question := range questions {
			if err := ask(t.Context(), c, question); err != nil {
				t.Errorf("%+v: %v", question, err)
			}
		}
	}
	if n := s.Sent.Load(); int(n) != len(questions) || len(kept.keys()) != len(questions) {
		t.Errorf("%d requests and %d keys for %d questions", n, len(kept.keys()), len(questions))
	}
}

// TestAThousandAskers: a thousand callers, of different users, make one request. Each gets a
// record and a ResponseInfo of its own.
func TestAThousandAskers(t *testing.T) {
	t.Parallel()
	const askers = 1000
	synctest.Test(t, func(t *testing.T) {
		kept := new(spy)
		s := answering(200, tesla)
		c := testkit.Scripted(t, s, cached(kept))
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
			if n := s.Sent.Load(); n != 1 || kept.sets != 1 || round == 0 && kept.gets != 1 {
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
				// Change everything that could be shared.
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

// TestSharedFailure: all callers that share a request get its error, and a later caller makes
// another request.
func TestSharedFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := new(spy)
		s := answering(403, `{"errors":{"user_id":["is not yours"]}}`)
		c := testkit.Scripted(t, s, cached(kept))
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
		if n := s.Sent.Load(); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestTransportThatGivesUp: if a transport ends its goroutine, as t.FailNow does in a test,
// the callers do not wait any longer.
func TestTransportThatGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := testkit.Scripted(t, &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			defer runtime.Goexit()
			return nil, errors.New("nobody sees this")
		}}, cached(new(spy)))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := ask(t.Context(), c, "tesla.com"); err == nil || !strings.Contains(err.Error(), "GET /companies/find: the lookup ended without a response") {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// TestMistakesAreNotShared: an invalid call fails alone, whether or not others ask for the
// same and the response is kept.
func TestMistakesAreNotShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := answering(200, tesla)
		c := testkit.Scripted(t, s, cached(new(spy)))
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
		if n := s.Sent.Load(); n != 0 {
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
		if n := s.Sent.Load(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// asker is a caller that leaves after a time, or never.
type asker struct {
	comes, leaves time.Duration // leaves 0: never
}

// TestAskersThatLeave: a caller that leaves returns at once, and no other does. The request
// goes on until the last one has left, whichever began it.
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
		for ending := range testkit.Endings {
			t.Run(name+"/"+ending.Error(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var mu sync.Mutex
					var ended []time.Duration
					s := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
						begun := time.Now()
						defer func() {
							mu.Lock()
							defer mu.Unlock()
							ended = append(ended, time.Since(begun))
						}()
						select {
						case <-time.After(takes):
							return testkit.Reply(200, tesla), nil
						case <-r.Context().Done():
							return nil, r.Context().Err()
						}
					}}
					kept := new(spy)
					c := testkit.Scripted(t, s, cached(kept))
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
					if s.Sent.Load() != tt.requests || !slices.Equal(ended, tt.ended) || kept.sets != tt.kept {
						t.Errorf("%d requests that ended after %s, %d kept", s.Sent.Load(), ended, kept.sets)
					}
				})
			})
		}
	}
}

// TestAnswerThatIsBeingKept: while a result is stored in the cache, a new caller waits for it
// and one that leaves gets it. It is stored even if no caller is left.
func TestAnswerThatIsBeingKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &spy{set: func(ctx context.Context) error {
			time.Sleep(time.Second)
			return ctx.Err()
		}}
		s := answering(200, tesla)
		c := testkit.Scripted(t, s, cached(kept))
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if err := ask(ctx, c, "tesla.com"); err != nil || time.Since(begun) != 1500*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		if err := ask(t.Context(), c, "tesla.com"); err != nil || time.Since(begun) != 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		if s.Sent.Load() != 1 || kept.gets != 1 || kept.sets != 1 {
			t.Errorf("%d requests, %d Gets, %d Sets", s.Sent.Load(), kept.gets, kept.sets)
		}
	})
}

// TestAnswerAfterAllHaveLeft: it is kept, since it may have cost something, and does not
// affect the request that other callers have begun meanwhile.
func TestAnswerAfterAllHaveLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &spy{set: func(ctx context.Context) error { return ctx.Err() }}
		s := &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
			time.Sleep(10 * time.Second) // and ignores the context
			return testkit.Reply(200, tesla), nil
		}}
		c := testkit.Scripted(t, s, cached(kept))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := ask(ctx, c, "tesla.com"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		var wg sync.WaitGroup
		for _, wait := range []time.Duration{time.Second, 6 * time.Second} { // before that response, and after it
			wg.Go(func() {
				time.Sleep(wait)
				if err := ask(t.Context(), c, "tesla.com"); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(5500 * time.Millisecond)
		if n := s.Sent.Load(); n != 2 || len(kept.keys()) != 1 {
			t.Errorf("%d requests, kept %s", n, kept.keys())
		}
		wg.Wait()
		if s.Sent.Load() != 2 || kept.gets != 2 {
			t.Errorf("%d requests, %d Gets", s.Sent.Load(), kept.gets)
		}
	})
}

// TestPersonPath: the path is sent as it was given, like a path of Client.Do.
func TestPersonPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/people/find", "/people(v=2)/find", "/a%2Fb!*'", "/a;b=c"} {
		var sent string
		c, _ := testkit.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			sent, _, _ = strings.Cut(r.RequestURI, "?")
			_, _ = io.WriteString(w, `{"id":"1"}`)
		}, growthgenius.WithPersonPath(path))
		if _, err := c.Enrichment.Person(t.Context(), growthgenius.PersonQuery{Email: "a@b.c"}); err != nil || sent != path {
			t.Errorf("%s: sent to %s, %v", path, sent, err)
		}
	}
}

// FuzzDomain: the one form of a domain is its own form, and is a host name.
func FuzzDomain(f *testing.F) {
	for _, text := range []string{"tesla.com", "https://www.Tesla.com:443/x?y#z", "www.www.a.b", "www。a。b", "münchen.de.", "a..b", "x://y://z", "//a", "www.\u00ad.com", "[::1]:80", "a@b"} {
		f.Add(text)
	}
	sent := sentDomain(f)
	f.Fuzz(func(t *testing.T, text string) {
		domain, err := sent(t.Context(), text)
		if err != nil {
			return
		}
		if again, err := sent(t.Context(), domain); err != nil || again != domain {
			t.Fatalf("%q becomes %q and then %q, %v", text, domain, again, err)
		}
		if domain == "" || domain != strings.ToLower(domain) || strings.ContainsAny(domain, "/?#:@% \r\n") || strings.ContainsFunc(domain, func(r rune) bool { return r > unicode.MaxASCII }) {
			t.Fatalf("%q becomes %q", text, domain)
		}
	})
}
