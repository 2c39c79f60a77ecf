package testkit

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// Key is an API key with every character that some encoding escapes.
const Key = `gg/SECRET+key&<5>"%41'\=end`

// Quick is the default retry policy without the waits.
var Quick = growthgenius.RetryPolicy{MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond}

// NewClient returns a client whose log goes to the censor. A test that wants to see the
// log, too, passes WithLogger of this package.
func NewClient(t testing.TB, key string, opts ...growthgenius.Option) *growthgenius.Client {
	t.Helper()
	c, err := growthgenius.NewClient(key, censored(opts)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// OneShot returns a client that acts as user 1, is authorized by Key, and sends each
// request once: it neither retries nor reads back.
func OneShot(t testing.TB, opts ...growthgenius.Option) *growthgenius.Client {
	t.Helper()
	base := []growthgenius.Option{
		growthgenius.WithUserID("1"), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Disabled: true}),
	}
	return NewClient(t, Key, append(base, opts...)...)
}

// Fuzzed returns a OneShot client for fuzz targets. It has no rate limit and no log: what a
// fuzzer makes up looks private at times.
func Fuzzed(t testing.TB, transport http.RoundTripper) *growthgenius.Client {
	t.Helper()
	return OneShot(t, growthgenius.WithHTTPClient(&http.Client{Transport: transport}),
		growthgenius.WithLimiter(rate.NewLimiter(rate.Inf, 0)), growthgenius.WithLogger(slog.New(slog.DiscardHandler)))
}

// Serve starts a server, and returns a OneShot client of it that leaves no connection
// behind.
func Serve(t testing.TB, h http.HandlerFunc, opts ...growthgenius.Option) (*growthgenius.Client, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	base := []growthgenius.Option{
		growthgenius.WithBaseURL(srv.URL), growthgenius.WithHTTPClient(&http.Client{Transport: transport}),
	}
	return OneShot(t, append(base, opts...)...), srv
}

// Live returns a client of srv that has its own connections and retries without waiting.
func Live(t testing.TB, srv *growthgeniustest.Server, opts ...growthgenius.Option) *growthgenius.Client {
	t.Helper()
	base := []growthgenius.Option{
		growthgenius.WithHTTPClient(&http.Client{Transport: srv.Transport()}), growthgenius.WithRetry(Quick),
	}
	return srv.Client(censored(append(base, opts...))...)
}

// Count returns how many requests of a method and a route srv has received.
func Count(srv *growthgeniustest.Server, method, route string) int {
	n := 0
	for _, r := range srv.Requests() {
		if r.Method == method && r.Route == route {
			n++
		}
	}
	return n
}

// Steve and Louis are a contact and a message to create.
var (
	Steve = growthgenius.ContactInput{
		Email: growthgenius.Set("sjobs@apple.com"), FirstName: growthgenius.Set("Steve"), Title: growthgenius.Set("CEO"),
	}
	Louis = growthgenius.MessageInput{
		ContactID: growthgenius.Set(growthgenius.ID("155715")), RenderedCopy: growthgenius.Set("Hey Louis"),
	}
)

// Err drops the value of a call, for tests that look at the error alone.
func Err[T any](_ T, err error) error { return err }
