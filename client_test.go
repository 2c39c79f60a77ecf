package growthgenius_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// TestOptionsThatCannotWork are errors of NewClient that name the option.
func TestOptionsThatCannotWork(t *testing.T) {
	t.Parallel()
	nan := func() float64 { var zero float64; return zero / zero }
	for want, opt := range map[string]growthgenius.Option{
		"WithUserID: ":              growthgenius.WithUserID(""),
		"blanks around":             growthgenius.WithUserID(" 4"),
		"WithHTTPClient: ":          growthgenius.WithHTTPClient(nil),
		"WithRateLimit(0, 1)":       growthgenius.WithRateLimit(0, 1),
		"WithRateLimit(-1, 1)":      growthgenius.WithRateLimit(-1, 1),
		"WithRateLimit(NaN, 1)":     growthgenius.WithRateLimit(nan(), 1),
		"WithRateLimit(1, 0)":       growthgenius.WithRateLimit(1, 0),
		"WithLimiter: ":             growthgenius.WithLimiter(nil),
		"WithRetry":                 growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: -1}),
		"WithRetry: ":               growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: 2, MaxBackoff: 1}),
		"WithAttemptTimeout(0s)":    growthgenius.WithAttemptTimeout(0),
		"WithMaxResponseBytes(0)":   growthgenius.WithMaxResponseBytes(0),
		"WithMaxResponseBytes(-1)":  growthgenius.WithMaxResponseBytes(-1),
		"WithLogger: ":              growthgenius.WithLogger(nil),
		"the base URL must be like": growthgenius.WithBaseURL(""),
	} {
		c, err := growthgenius.NewClient("key", opt)
		if c != nil || !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := growthgenius.NewClient("key", nil, growthgenius.WithUserID("1"), nil); err != nil {
		t.Errorf("nil options: %v", err)
	}
	api := testkit.NewAPI(t).On("GET", "/users", 200, `{"users":[]}`)
	if _, err := api.Client().Users.List(t.Context(), nil, growthgenius.NoRetry(), nil); err != nil {
		t.Errorf("nil request options: %v", err)
	}
}

// TestNewClientFromEnv is not parallel: all tests share the environment.
func TestNewClientFromEnv(t *testing.T) { //nolint:paralleltest // see above
	const key, id, base = "GROWTHGENIUS_API_KEY", "GROWTHGENIUS_USER_ID", "GROWTHGENIUS_BASE_URL"
	for _, tt := range []struct {
		name string
		env  map[string]string
		opts []growthgenius.Option
		want string // in the text of the client, or of the error
	}{
		{"no key", nil, nil, "GROWTHGENIUS_API_KEY is not set"},
		{"no key, but options", map[string]string{id: "1"}, []growthgenius.Option{growthgenius.WithUserID("1")}, "GROWTHGENIUS_API_KEY is not set"},
		{"key", map[string]string{key: "k"}, nil, `Client(https://api.growthgenius.com/integrations/v1, user "")`},
		{"a newline", map[string]string{key: testkit.Secret + "\n"}, nil, "a newline from the file it was read from?"},
		{"all", map[string]string{key: "k", id: "7", base: "http://localhost:1/"}, nil, `Client(http://localhost:1, user "7")`},
		{"bad base", map[string]string{key: "k", base: "http://example.com"}, nil, "plain http"},
		{"options win", map[string]string{key: "k", id: "7", base: "http://example.com"}, []growthgenius.Option{growthgenius.WithBaseURL("https://example.com/v2"), growthgenius.WithUserID("8")}, `Client(https://example.com/v2, user "8")`},
		{"one option wins", map[string]string{key: "k", id: "7", base: "https://example.com"}, []growthgenius.Option{growthgenius.WithUserID("8")}, `Client(https://example.com, user "8")`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{key, id, base} {
				t.Setenv(name, tt.env[name])
			}
			c, err := growthgenius.NewClientFromEnv(tt.opts...)
			got := fmt.Sprint(c)
			if err != nil {
				got = err.Error()
				testkit.OnlyIs(t, err, growthgenius.ErrInvalidInput)
				testkit.NoSecret(t, "the error", got)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("%s, want %q", got, tt.want)
			}
		})
	}
}

func TestLedgerOfAClient(t *testing.T) {
	t.Parallel()
	mine := ledger.NewMemory()
	if got := testkit.Unused(t, growthgenius.WithLedger(mine)).ForUser("7").Ledger(); got != growthgenius.Ledger(mine) {
		t.Errorf("the ledger is %v", got)
	}
	if got := testkit.Unused(t).Ledger(); got != nil {
		t.Errorf("a client without a ledger has %v", got)
	}
}

// TestPaceOfAClient: a client tells the rate of its limiter and the pauses of the server, and
// shares both with the clients of other users.
func TestPaceOfAClient(t *testing.T) {
	t.Parallel()
	testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
		c := srv.NewClient(growthgenius.WithRateLimit(10, 1), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1}))
		if got, want := c.Pace(), (growthgenius.Pace{PerSecond: 10}); got != want {
			t.Errorf("at first: %+v, want %+v", got, want)
		}
		srv.Inject(growthgeniustest.Fault{Status: 429, RetryAfter: 5 * time.Second, Times: 1})
		_, err := c.Contacts.Get(t.Context(), "1")
		testkit.OnlyIs(t, err, growthgenius.ErrRateLimited)
		time.Sleep(2 * time.Second)
		got := c.ForUser("7").Pace()
		if until := time.Until(got.PausedUntil); until != 3*time.Second || got.Paused != 2*time.Second {
			t.Errorf("after 2 s of 5: %+v, %s before its end", got, until)
		}
	})
}
