package growthgenius_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// logTest is a call whose log records are compared.
type logTest struct {
	name  string
	fault growthgeniustest.Fault
	opts  []growthgenius.Option
	call  func(context.Context, *growthgenius.Client)
}

func logTests() []logTest {
	lost := growthgeniustest.Fault{Method: "POST", Route: growthgeniustest.RouteContacts, Effect: growthgeniustest.Reset, Times: 1}
	down := growthgeniustest.Fault{Status: 503, RetryAfter: time.Second}
	with := func(f growthgeniustest.Fault, change func(*growthgeniustest.Fault)) growthgeniustest.Fault {
		change(&f)
		return f
	}
	return []logTest{
		{"a retry", with(down, func(f *growthgeniustest.Fault) { f.Times = 1 }), nil, getUsers},
		{"a call that is given up", down, nil, getUsers},
		{"a call that is given up, for a reason", with(down, func(f *growthgeniustest.Fault) { f.RetryAfter = time.Hour }), nil, getUsers},
		{"a call that its caller cancels", down, nil, func(ctx context.Context, c *growthgenius.Client) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second/2, cancel)
			getUsers(ctx, c)
		}},
		{"a window of changes that is split", growthgeniustest.Fault{Status: 504, Times: 1}, nil, func(ctx context.Context, c *growthgenius.Client) {
			now := time.Now()
			for _, err := range c.Contacts.Changes(growthgenius.ChangeOptions{Since: now.Add(-time.Hour), Until: now.Add(-time.Minute)}).Windows(ctx) {
				if err != nil {
					return
				}
			}
		}},
		{"a call without a response", growthgeniustest.Fault{Effect: growthgeniustest.Reset}, []growthgenius.Option{growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1})}, getUsers},
		{"a final response", growthgeniustest.Fault{Status: 422}, nil, getUsers},
		{"a lost response, found", with(lost, func(f *growthgeniustest.Fault) { f.Commit = true }), nil, createSteve},
		{"a lost response with a status, found", growthgeniustest.Fault{Method: "POST", Status: 500, Commit: true}, nil, createSteve},
		{"a response that cannot be used, found", growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.HTMLPage, Commit: true}, nil, createSteve},
		{"a lost response, unknown", lost, nil, createSteve},
		{"a lost response, sent again", lost, []growthgenius.Option{growthgenius.WithReadBack(growthgenius.ReadBackPolicy{ReplayAfter: time.Second})}, createSteve},
		{"a lost response, not looked for", lost, []growthgenius.Option{noReadBack}, createSteve},
		{"a lost response, absent", lost, []growthgenius.Option{noReadBack}, resolveSteve},
		{"a lost response, found by Resolve", with(lost, func(f *growthgeniustest.Fault) { f.Commit = true }), []growthgenius.Option{noReadBack}, resolveSteve},
		{"a create whose id the ledger cannot store", growthgeniustest.Fault{}, []growthgenius.Option{growthgenius.WithLedger(unstoring(ledger.NewMemory()))}, createUnstored},
		{"Client.Do", lost, nil, func(ctx context.Context, c *growthgenius.Client) {
			_ = c.Do(ctx, "POST", "/contacts", nil, testkit.Steve, nil)
		}},
		{"unknown fields", growthgeniustest.Fault{Status: 200, Body: `{"users":[{"id":1,"shoe_size":7},{"id":2,"shoe_size":8}],"shelf":1}`}, nil, getUsers},
		{"a field of another type", growthgeniustest.Fault{Status: 200, Body: `{"users":[{"id":1,"email":5}]}`}, nil, getUsers},
		{"a cache that fails", growthgeniustest.Fault{}, []growthgenius.Option{growthgenius.WithEnrichmentCache(brokenCache{})}, func(ctx context.Context, c *growthgenius.Client) { _, _ = c.Enrichment.Company(ctx, "tesla.com") }},
	}
}

// TestLogTexts compares the log records of calls with a golden file: how a lost response
// begins and ends, retries, calls that are given up, and what is odd.
func TestLogTexts(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, tt := range logTests() {
		testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
			srv.Inject(tt.fault)
			var out bytes.Buffer
			untimed := func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}
			logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: untimed}))
			tt.call(t.Context(), srv.NewClient(append(tt.opts, testkit.WithLogger(logger))...))
			got.WriteString("# " + tt.name + "\n" + out.String() + "\n")
		})
	}
	testkit.NoSecret(t, "the log", got.String())
	golden(t, "logs", got.String())
}

func getUsers(ctx context.Context, c *growthgenius.Client) { _, _ = c.Users.List(ctx) }

func createSteve(ctx context.Context, c *growthgenius.Client) {
	_, _ = c.Contacts.Create(ctx, testkit.Steve)
}

// resolveSteve resolves a create while it is under way, and after it.
func resolveSteve(ctx context.Context, c *growthgenius.Client) {
	var token growthgenius.CreateToken
	_, _ = c.Contacts.Create(ctx, testkit.Steve, growthgenius.BeforeCreate(func(tok growthgenius.CreateToken) error {
		token = tok
		_, _ = c.Contacts.Resolve(ctx, tok)
		return nil
	}))
	_, _ = c.Contacts.Resolve(ctx, token)
}

// brokenCache fails.
type brokenCache struct{}

var errCache = errors.New("redis: connection refused")

func (brokenCache) Get(context.Context, string) ([]byte, bool, error)        { return nil, false, errCache }
func (brokenCache) Set(context.Context, string, []byte, time.Duration) error { return errCache }
