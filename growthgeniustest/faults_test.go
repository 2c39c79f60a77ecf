package growthgeniustest_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// post creates a contact. It returns the status and header of the response, the body read
// so far, and the error of the request or of reading the body.
func post(w *wire) (status int, header http.Header, body string, err error) {
	res, err := w.send("POST", "/contacts", steve)
	if err != nil {
		return 0, nil, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, string(text), err
}

var faultEffects = map[string]struct {
	fault     growthgeniustest.Fault
	status    int // 0 means no response
	cutShort  bool
	committed int
	body      string // a part of it
}{
	"status": {
		fault:  growthgeniustest.Fault{Status: 503},
		status: 503, body: `{"error":"Service Unavailable"}`,
	},
	"status, commit": {
		fault:  growthgeniustest.Fault{Status: 500, Body: "<h1>no</h1>", Commit: true},
		status: 500, committed: 1, body: "<h1>no</h1>",
	},
	"pending": {fault: growthgeniustest.Fault{Status: 202}, status: 202},
	"reset":   {fault: growthgeniustest.Fault{Effect: growthgeniustest.Reset}},
	"reset, commit": {
		fault:     growthgeniustest.Fault{Effect: growthgeniustest.Reset, Commit: true},
		committed: 1,
	},
	"refuse": {fault: growthgeniustest.Fault{Effect: growthgeniustest.Refuse, Commit: true}},
	"truncate": {
		fault:  growthgeniustest.Fault{Effect: growthgeniustest.Truncate},
		status: 200, cutShort: true, committed: 1, body: `{"contact":{"annual_revenue"`,
	},
	"html": {
		fault:  growthgeniustest.Fault{Effect: growthgeniustest.HTMLPage},
		status: 200, body: "<!DOCTYPE html>",
	},
	"html, commit": {
		fault:  growthgeniustest.Fault{Effect: growthgeniustest.HTMLPage, Commit: true},
		status: 200, committed: 1, body: "<!DOCTYPE html>",
	},
	"wrong record": {
		fault:  growthgeniustest.Fault{Effect: growthgeniustest.WrongRecord},
		status: 200, committed: 1, body: "wrong@example.com",
	},
	"late": {
		fault:  growthgeniustest.Fault{Delay: time.Millisecond},
		status: 200, committed: 1, body: "sjobs@apple.com",
	},
	"drip": {
		fault:  growthgeniustest.Fault{Drip: time.Microsecond},
		status: 200, committed: 1, body: "sjobs@apple.com",
	},
}

func TestFaultEffects(t *testing.T) {
	t.Parallel()
	for name, c := range faultEffects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBothNetworks(t, func(t *testing.T, newWire wireMaker) {
				w := newWire(t)
				w.srv.AddContacts(growthgenius.Contact{Email: "wrong@example.com"})
				fault := c.fault
				fault.Times, fault.Method = 1, "POST"
				w.srv.Inject(fault)
				status, _, body, err := post(w)
				equal(t, "status", status, c.status)
				equal(t, "failed", err != nil, c.status == 0 || c.cutShort)
				if !strings.Contains(body, c.body) {
					t.Errorf("body %q lacks %q", body, c.body)
				}
				equal(t, "committed", len(w.srv.Ledger()), c.committed)
				equal(t, "rows", len(w.srv.Contacts()), 1+c.committed)
				switch refused := errors.Is(err, syscall.ECONNREFUSED); {
				case refused:
					equal(t, "refused", c.fault.Effect, growthgeniustest.Refuse)
				default:
					recorded := w.srv.Requests()[0]
					equal(t, "recorded status", recorded.Status, c.status)
					equal(t, "recorded effect", recorded.Fault.Effect, c.fault.Effect)
					equal(t, "reset", errors.Is(err, syscall.ECONNRESET), c.status == 0)
				}
				w.call(200, "POST", "/contacts", steve) // Times is used up
			})
		})
	}
}

func TestHang(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, newWire wireMaker) {
		w := newWire(t)
		w.srv.Inject(growthgeniustest.Fault{Effect: growthgeniustest.Hang, Commit: true})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		url := w.srv.URL() + "/contacts?user_id=1"
		req, _ := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(steve))
		req.Header.Set("Authorization", w.srv.APIKey())
		req.Header.Set("Content-Type", "application/json")
		if _, err := w.client.Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a hanging request returned %v", err)
		}
		equal(t, "committed", len(w.srv.Ledger()), 1)

		done := make(chan error, 1)
		go func() {
			_, _, _, err := post(w)
			done <- err
		}()
		for len(w.srv.Ledger()) < 2 {
			time.Sleep(time.Millisecond)
		}
		w.srv.Close()
		if err := <-done; err == nil {
			t.Fatal("a hanging request got a response when the server closed")
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2021, 1, 19, 22, 0, 0, 0, time.UTC)
	w := newWire(t, growthgeniustest.WithClock(func() time.Time { return now }))
	for want, f := range map[string]growthgeniustest.Fault{
		"2":                             {RetryAfter: 1100 * time.Millisecond},
		"Tue, 19 Jan 2021 22:00:03 GMT": {RetryAfter: 3 * time.Second, RetryAsDate: true},
		"Tue, 19 Jan 2021 22:00:00 GMT": {RetryAsDate: true},
		"soon":                          {Header: http.Header{"Retry-After": {"soon"}}},
		"":                              {},
	} {
		f.Status, f.Times = 429, 1
		w.srv.Inject(f)
		status, header, _, err := post(w)
		if err != nil || status != 429 || header.Get("Retry-After") != want {
			t.Errorf("%v %d %q, want %q", err, status, header.Get("Retry-After"), want)
		}
	}
	equal(t, "nothing was created", len(w.srv.Ledger()), 0)
}

func TestFaultMatching(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.srv.Inject(growthgeniustest.Fault{
		Method: "GET", Route: growthgeniustest.RouteContact, Skip: 1, Times: 2, Status: 500,
	})
	w.call(200, "GET", "/users", "")
	w.call(404, "GET", "/contacts/1", "")
	w.call(500, "GET", "/contacts/1", "")
	w.call(404, "DELETE", "/contacts/1", "")
	w.call(500, "GET", "/contacts/2", "")
	w.call(404, "GET", "/contacts/1", "")
	w.srv.Inject(growthgeniustest.Fault{Status: 502})
	w.call(502, "GET", "/users", "")
	w.srv.ClearFaults()
	w.call(200, "GET", "/users", "")
}

func TestCommitDelay(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, newWire wireMaker) {
		w := newWire(t)
		w.srv.Inject(growthgeniustest.Fault{
			Status: 504, Commit: true, CommitDelay: 20 * time.Millisecond, Times: 1,
		})
		status, _, _, err := post(w)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "status", status, 504)
		equal(t, "not yet", len(w.srv.Ledger()), 0)
		w.srv.Settle()
		ledger := w.srv.Ledger()
		equal(t, "then", len(ledger), 1)
		equal(t, "late", ledger[0].Late, true)
		equal(t, "of the request", ledger[0].Seq, 1)
	})
}

// TestRefusedDial checks what a client relies on: there was no connection, so nothing was
// sent.
func TestRefusedDial(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.client.Transport = w.srv.Transport()
	t.Cleanup(w.client.CloseIdleConnections)
	w.call(200, "GET", "/users", "") // leaves an idle connection
	w.srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Refuse, Times: 1})

	var asked, got bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { asked = true },
		GotConn: func(httptrace.GotConnInfo) { got = true },
	})
	url := w.srv.URL() + "/contacts?user_id=1"
	req, _ := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(steve))
	_, err := w.client.Do(req)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("the refused dial returned %v", err)
	}
	equal(t, "a connection was requested and not obtained", []bool{asked, got}, []bool{true, false})
	equal(t, "refused", w.srv.Refused(), 1)
	equal(t, "requests", len(w.srv.Requests()), 1)
	w.call(200, "POST", "/contacts", steve)

	// The first fault that matches a request is applied to it.
	w.srv.Inject(
		growthgeniustest.Fault{Method: "POST", Status: 503, Times: 1},
		growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Refuse, Times: 1},
	)
	w.call(503, "POST", "/contacts", steve)
	if _, _, _, err := post(w); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after a fault that is used up, a refused dial returned %v", err)
	}
	w.call(200, "POST", "/contacts", steve)
}

func TestDown(t *testing.T) {
	t.Parallel()
	onBothNetworks(t, func(t *testing.T, newWire wireMaker) {
		w := newWire(t)
		w.call(200, "POST", "/contacts", steve)
		url := w.srv.URL()
		if err := w.srv.SetDown(true); err != nil {
			t.Fatal(err)
		}
		if _, err := w.send("GET", "/users", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("a dial of a server that is down returned %v", err)
		}
		if err := w.srv.SetDown(false); err != nil {
			t.Fatal(err)
		}
		equal(t, "same address", w.srv.URL(), url)
		w.call(200, "GET", "/users", "")
		equal(t, "state is kept", len(w.srv.Contacts()), 1)
		w.srv.Close()
		if err := w.srv.SetDown(false); err == nil {
			t.Fatal("a closed server is up again")
		}
	})
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, newWire wireMaker) {
		w := newWire(t)
		w.srv.SetRateLimit(0.001, 2, 1500*time.Millisecond)
		w.call(200, "POST", "/contacts", steve)
		w.call(200, "POST", "/contacts", steve)
		status, header, _, err := post(w)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "over the limit", []any{status, header.Get("Retry-After")}, []any{429, "2"})
		equal(t, "not carried out", len(w.srv.Ledger()), 2)
		equal(t, "recorded", w.srv.Requests()[2].Status, 429)
		w.srv.SetRateLimit(1000, 1, 0)
		if status, _, _, err := post(w); err != nil || status != 429 && status != 200 {
			t.Fatalf("a changed limit: %d %v", status, err)
		}
		time.Sleep(2 * time.Millisecond)
		w.call(200, "POST", "/contacts", steve)
		w.srv.SetRateLimit(0, 0, 0)
		w.call(200, "POST", "/contacts", steve)
	})
}

// TestFaultMix sends many requests. All kinds of faults must be about equally frequent,
// and together affect the given share of the requests.
func TestFaultMix(t *testing.T) {
	t.Parallel()
	if testkit.Race {
		t.Skip("it is about shares of many requests")
	}
	equal(t, "no faults", len(growthgeniustest.FaultMix(0, time.Second)), 0)
	w := newWire(t, growthgeniustest.WithSeed(7))
	w.client.Transport = w.srv.Transport()
	w.client.Timeout = 100 * time.Millisecond
	t.Cleanup(w.client.CloseIdleConnections)
	mix := growthgeniustest.FaultMix(0.3, 0)
	equal(t, "kinds", len(mix), 13)
	for i := range mix {
		// A reset after the commit instead of a hang, so that the test takes no time.
		if mix[i].Effect == growthgeniustest.Hang {
			mix[i].Effect, mix[i].Delay = growthgeniustest.Reset, 1
		}
	}
	w.srv.Inject(mix...)
	const requests = 3000
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range requests / 8 {
				_, _, _, _ = post(w)
			}
		})
	}
	wg.Wait()
	kinds := map[growthgeniustest.Effect]int{growthgeniustest.Refuse: w.srv.Refused()}
	total := w.srv.Refused()
	for _, r := range w.srv.Requests() {
		if r.Fault != nil {
			kinds[r.Fault.Effect]++
			total++
		}
	}
	if rate := float64(total) / requests; math.Abs(rate-0.3) > 0.045 {
		t.Errorf("%.3f of the requests had a fault, want 0.3", rate)
	}
	if refused := float64(kinds[growthgeniustest.Refuse]) / requests; math.Abs(refused-0.3/13) > 0.015 {
		t.Errorf("%.4f of the requests were refused, want %.4f", refused, 0.3/13)
	}
	if statuses := float64(kinds[growthgeniustest.Respond]) / requests; math.Abs(statuses-0.3*7/13) > 0.04 {
		t.Errorf("%.4f of the requests got an injected status, want %.4f", statuses, 0.3*7/13)
	}
}
