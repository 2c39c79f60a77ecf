package engine_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// ending is how an attempt ends.
type ending struct {
	respond      func(*http.Request) (*http.Response, error)
	safe, unsent bool // whether the class is retried after it
	ambiguous    bool
}

func status(code int, safe, unsent, ambiguous bool) ending {
	return ending{func(*http.Request) (*http.Response, error) { return reply(code, "{}"), nil }, safe, unsent, ambiguous}
}

func failure(err error, safe, unsent, ambiguous bool) ending {
	return ending{func(*http.Request) (*http.Response, error) { return nil, err }, safe, unsent, ambiguous}
}

func cut(*http.Request) (*http.Response, error) {
	return streaming(io.MultiReader(strings.NewReader(`{"contact":`), iotest.ErrReader(io.ErrUnexpectedEOF))), nil
}

func endings() map[string]ending {
	all := map[string]ending{
		"refused":           {refuse, true, true, false},
		"reset":             {reset, true, false, true},
		"an unknown error":  failure(errReset, true, false, true),
		"a timeout":         {hang, true, false, true},
		"a body cut short":  {cut, true, false, true},
		"a body too large":  {func(*http.Request) (*http.Response, error) { return reply(200, strings.Repeat(" ", 1<<20+1)), nil }, false, false, true},
		"bad certificate":   failure(fmt.Errorf("tls: %w", &tls.CertificateVerificationError{Err: errReset}), false, false, true),
		"unknown authority": failure(x509.UnknownAuthorityError{}, false, false, true),
		"another host":      failure(x509.HostnameError{Certificate: &x509.Certificate{}}, false, false, true),
		"expired":           failure(x509.CertificateInvalidError{Reason: x509.Expired}, false, false, true),
		"408":               status(408, true, false, true),
		"429":               status(429, true, true, false),
		"403 that asks for a wait": {func(*http.Request) (*http.Response, error) {
			return reply(403, "{}", "Retry-After", "1"), nil
		}, true, false, false},
		"403 that asks for nothing valid": {func(*http.Request) (*http.Response, error) {
			return reply(403, "{}", "Retry-After", "soon"), nil
		}, false, false, false},
	}
	for _, code := range []int{200, 201, 202, 204, 206, 299, 400, 401, 403, 404, 405, 409, 410, 422, 423, 425, 499} {
		all[fmt.Sprint(code)] = status(code, false, false, false)
	}
	for _, code := range []int{101, 199, 300, 301, 302, 307, 308, 399} {
		all[fmt.Sprint(code)] = status(code, false, false, true)
	}
	for _, code := range []int{500, 501, 502, 503, 504, 505, 520, 524, 529, 599} {
		all[fmt.Sprint(code)] = status(code, true, false, true)
	}
	return all
}

// TestClasses: which class is retried after what, and whether the request may have been
// carried out.
func TestClasses(t *testing.T) {
	t.Parallel()
	for name, end := range endings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for class, retried := range map[engine.Class]bool{engine.Safe: end.safe, engine.Unsent: end.unsent} {
					s := always(end.respond)
					out := newEngine(t, s).Do(t.Context(), engine.Call{Method: http.MethodGet, URL: address, Class: class})
					want := 1
					if retried {
						want = policy.MaxAttempts
					}
					if out.Sent != want || int(s.n.Load()) != want || out.Ambiguous != end.ambiguous || out.GaveUp != "" || out.Ended != nil {
						t.Errorf("class %d: %+v after %d requests, want %d", class, out, s.n.Load(), want)
					}
					if (out.Err == nil) == (out.Response == nil) {
						t.Errorf("class %d: %+v", class, out)
					}
				}
			})
		})
	}
}

// TestClassByMethod: of the methods only those are safe that HTTP calls idempotent, and
// PATCH, which sets fields.
func TestClassByMethod(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]engine.Class{
		"GET": engine.Safe, "HEAD": engine.Safe, "OPTIONS": engine.Safe, "PUT": engine.Safe, "PATCH": engine.Safe, "DELETE": engine.Safe,
		"POST": engine.Unsent, "LOCK": engine.Unsent, "get": engine.Unsent,
	} {
		if got := engine.ByMethod.Of(method); got != want {
			t.Errorf("%s is of class %d, want %d", method, got, want)
		}
		if engine.Safe.Of(method) != engine.Safe || engine.Unsent.Of(method) != engine.Unsent {
			t.Errorf("%s changes a class that is set", method)
		}
		synctest.Test(t, func(t *testing.T) {
			s := statuses(503)
			newEngine(t, s).Do(t.Context(), engine.Call{Method: method, URL: address})
			if n := s.n.Load(); (n == 4) != (want == engine.Safe) {
				t.Errorf("%s was sent %d times", method, n)
			}
		})
	}
}

// TestAmbiguousStays: one attempt that may have been carried out makes the call ambiguous,
// whatever follows.
func TestAmbiguousStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for want, codes := range map[bool][]int{true: {503, 404}, false: {429, 404}} {
			if out := newEngine(t, statuses(codes...)).Do(t.Context(), call); out.Ambiguous != want || out.Response.Status != 404 || out.Sent != 2 {
				t.Errorf("%v: %+v", codes, out)
			}
		}
	})
}

// TestOnce: such a call is sent once, and there is nothing to add to its error.
func TestOnce(t *testing.T) {
	t.Parallel()
	c := call
	c.Once = true
	for _, s := range []*script{statuses(503), statuses(429), failing(errReset)} {
		if out := newEngine(t, s).Do(t.Context(), c); out.Sent != 1 || out.GaveUp != "" || s.n.Load() != 1 {
			t.Errorf("%+v", out)
		}
	}
}

// TestSplit: a call that can ask for less is not retried if the server is slow, and is if
// it fails otherwise.
func TestSplit(t *testing.T) {
	t.Parallel()
	c := call
	c.Split = true
	for name, tt := range map[string]struct {
		s    *script
		sent int
	}{
		"408": {statuses(408), 1}, "504": {statuses(504), 1}, "524": {statuses(524), 1}, "hang": {always(hang), 1},
		"500": {statuses(500), 4}, "503": {statuses(503), 4}, "429": {statuses(429), 4}, "reset": {failing(errReset), 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			out := newEngine(t, tt.s).Do(t.Context(), c)
			slow := engine.IsSlow(out.Err, 0)
			if out.Response != nil {
				slow = engine.IsSlow(nil, out.Response.Status)
			}
			if out.Sent != tt.sent || slow != (tt.sent == 1) || out.GaveUp != "" {
				t.Errorf("%s: %+v", name, out)
			}
		})
	}
	if engine.IsSlow(nil, 0) || engine.IsSlow(nil, 200) || engine.IsSlow(context.DeadlineExceeded, 0) {
		t.Error("what is not slow is")
	}
}

// TestEnded: if the context has ended when a response comes that would be retried, the
// outcome has its error. After any other response it does not.
func TestEnded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		class  engine.Class
		want   error
	}{
		{503, engine.Safe, context.Canceled},
		{429, engine.Safe, context.Canceled},
		{429, engine.Unsent, context.Canceled},
		{503, engine.Unsent, nil},
		{404, engine.Safe, nil},
		{200, engine.Safe, nil},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		s := always(func(*http.Request) (*http.Response, error) {
			cancel()
			return reply(tt.status, "{}"), nil
		})
		out := newEngine(t, s).Do(ctx, engine.Call{Method: http.MethodGet, URL: address, Class: tt.class})
		if out.Err != nil || out.Response.Status != tt.status || out.Ended != tt.want || out.Sent != 1 || out.GaveUp != "" {
			t.Errorf("%+v: %+v", tt, out)
		}
	}
}

// waits returns how long an engine waits between the attempts of a call that fails with
// these headers.
func waits(t *testing.T, p engine.Policy, header ...string) (waited []time.Duration) {
	t.Helper()
	last := time.Now()
	s := always(func(*http.Request) (*http.Response, error) {
		waited = append(waited, time.Since(last))
		last = time.Now()
		return reply(500, "", header...), nil
	})
	newEngine(t, s, withRetry(p)).Do(t.Context(), call)
	return waited[1:]
}

// TestBackoff: each wait is between nothing and a bound, which doubles from MinBackoff to
// MaxBackoff. Over many calls the waits come close to both. A server that asks for no wait,
// or for one until a time that has passed, changes nothing.
func TestBackoff(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, tt := range []struct {
		p      engine.Policy
		bounds []time.Duration
		after  string
	}{
		{engine.Policy{MaxAttempts: 7, MinBackoff: 250 * ms, MaxBackoff: 2 * time.Second}, []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 2000 * ms, 2000 * ms}, ""},
		{engine.Policy{MaxAttempts: 4, MinBackoff: 100 * ms, MaxBackoff: 150 * ms}, []time.Duration{100 * ms, 150 * ms, 150 * ms}, ""},
		{engine.Policy{MaxAttempts: 3, MinBackoff: ms, MaxBackoff: ms}, []time.Duration{ms, ms}, ""},
		{policy, []time.Duration{250 * ms, 500 * ms, 1000 * ms}, "0"},
		{policy, []time.Duration{250 * ms, 500 * ms, 1000 * ms}, "Fri, 31 Dec 1999 23:59:59 GMT"}, // the bubble's clock is a second ahead
	} {
		synctest.Test(t, func(t *testing.T) {
			longest, shortest := make([]time.Duration, len(tt.bounds)), slicesOf(len(tt.bounds), time.Hour)
			for range 1000 {
				for i, d := range waits(t, tt.p, "Retry-After", tt.after) {
					longest[i], shortest[i] = max(longest[i], d), min(shortest[i], d)
				}
			}
			for i, bound := range tt.bounds {
				if longest[i] > bound || longest[i] < bound*98/100 || shortest[i] < 0 || shortest[i] > bound/50 {
					t.Errorf("%+v: wait %d is between %s and %s, want 0 and %s", tt.p, i+1, shortest[i], longest[i], bound)
				}
			}
		})
	}
}

func slicesOf(n int, d time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = d
	}
	return all
}

// TestBackoffDoesNotOverflow: the bound of a late attempt, or the largest of all bounds,
// is MaxBackoff and not what an overflow makes of it.
func TestBackoffDoesNotOverflow(t *testing.T) {
	t.Parallel()
	for _, p := range []engine.Policy{
		{MaxAttempts: 80, MinBackoff: time.Second, MaxBackoff: time.Minute},
		{MaxAttempts: 40, MinBackoff: 100 * time.Hour, MaxBackoff: 200 * time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			for i, d := range waits(t, p) {
				if d < 0 || d > p.MaxBackoff {
					t.Errorf("%+v: wait %d is %s", p, i+1, d)
				}
			}
		})
	}
	for _, p := range []engine.Policy{
		{MaxAttempts: 60, MinBackoff: 1, MaxBackoff: math.MaxInt64},
		{MaxAttempts: 2, MinBackoff: math.MaxInt64, MaxBackoff: math.MaxInt64},
		{MaxAttempts: 2}, // no wait at all
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 48*time.Hour)
			defer cancel()
			out := newEngine(t, statuses(500), withRetry(p)).Do(ctx, call)
			if out.Response == nil && !errors.Is(out.Err, context.DeadlineExceeded) {
				t.Errorf("%+v: %+v", p, out)
			}
		})
	}
}

// TestUnsentIsTriedForTwoSeconds: the last attempt of a call whose requests do not leave
// begins two seconds after the first, or later. MaxBackoff still bounds each wait, the deadline
// of the caller costs no attempt, and what may have left is not tried for longer.
func TestUnsentIsTriedForTwoSeconds(t *testing.T) {
	t.Parallel()
	dial := func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	get := call
	get.Free = true
	brief := engine.Policy{MaxAttempts: 3, MinBackoff: 1, MaxBackoff: time.Millisecond}
	for name, tt := range map[string]struct {
		call        engine.Call
		respond     func(*http.Request) (*http.Response, error)
		p           engine.Policy
		deadline    time.Duration
		sent        int
		least, most time.Duration
	}{
		"a create":             {post, refuse, policy, time.Hour, 4, 2 * time.Second, 3750 * time.Millisecond},
		"a read":               {get, dial, policy, time.Hour, 4, 2 * time.Second, 3750 * time.Millisecond},
		"two attempts":         {post, refuse, engine.Policy{MaxAttempts: 2, MinBackoff: 1, MaxBackoff: time.Minute}, time.Hour, 2, 2 * time.Second, 2*time.Second + 1},
		"one attempt":          {post, refuse, engine.Policy{MaxAttempts: 1, MinBackoff: 1, MaxBackoff: time.Minute}, time.Hour, 1, 0, 0},
		"many attempts":        {post, refuse, engine.Policy{MaxAttempts: 90, MinBackoff: 1, MaxBackoff: time.Minute}, time.Hour, 90, 2 * time.Second, 80 * time.Minute},
		"a brief MaxBackoff":   {post, refuse, brief, time.Hour, 3, 0, 2 * time.Millisecond},
		"the longest backoff":  {post, refuse, engine.Policy{MaxAttempts: 2, MinBackoff: math.MaxInt64, MaxBackoff: math.MaxInt64}, 0, 1, 0, 0},
		"a deadline of 100 ms": {post, refuse, engine.Policy{MaxAttempts: 4, MinBackoff: 1, MaxBackoff: time.Minute}, 100 * time.Millisecond, 4, 0, time.Microsecond},
		"a read that was sent": {call, reset, policy, time.Hour, 4, 0, 1750 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
			if tt.deadline == 0 { // none
				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(48*time.Hour, cancel)
			}
			defer cancel()
			var last time.Time
			begun := time.Now()
			s := always(func(r *http.Request) (*http.Response, error) {
				last = time.Now()
				return tt.respond(r)
			})
			out := newEngine(t, s, withRetry(tt.p)).Do(ctx, tt.call)
			if took := last.Sub(begun); out.Sent != tt.sent || took < tt.least || took > tt.most {
				t.Errorf("%s: %d requests in %s, want %d in %s to %s (%v)", name, out.Sent, took, tt.sent, tt.least, tt.most, out.Err)
			}
		})
	}
}

// TestRetryAfterIsWaitedOut: to the instant, if the backoff is not longer. A wait over
// MaxRetryAfter is not: then the response is returned at once, with the reason.
func TestRetryAfterIsWaitedOut(t *testing.T) {
	t.Parallel()
	const date = "Thu, 29 Feb 2024 23:59:50 GMT" // far from the clock of the bubble
	for after, want := range map[string]time.Duration{
		"1": time.Second, "60": time.Minute, "61": -61 * time.Second, "99999999999": -math.MaxInt64,
		"Fri, 01 Mar 2024 00:00:10 GMT": 20 * time.Second,
		"Fri, 01 Mar 2024 00:01:50 GMT": -2 * time.Minute,
		"1709251220":                    30 * time.Second, // as a Unix time
	} {
		for _, code := range []int{403, 408, 429, 500, 503} { // 403, 429 and 503 stop other calls too
			for class, retried := range map[engine.Class]bool{engine.Safe: true, engine.Unsent: code == 429} {
				synctest.Test(t, func(t *testing.T) {
					begun := time.Now()
					s := &script{respond: func(n int, _ *http.Request) (*http.Response, error) {
						if n == 1 {
							return reply(code, "", "Retry-After", after, "Date", date), nil
						}
						return reply(200, "{}"), nil
					}}
					out := newEngine(t, s).Do(t.Context(), engine.Call{Method: http.MethodGet, URL: address, Class: class})
					took := time.Since(begun)
					switch {
					case !retried:
						if out.Response.Status != code || out.GaveUp != "" || took != 0 {
							t.Errorf("%s, %d, class %d: %+v after %s", after, code, class, out, took)
						}
					case want < 0:
						text := fmt.Sprintf("not tried again: the API asks to wait %s, MaxRetryAfter is 1m0s", -want)
						if out.Response.Status != code || out.GaveUp != text || took != 0 {
							t.Errorf("%s, %d, class %d: %+v after %s", after, code, class, out, took)
						}
					case out.Response.Status != 200 || out.GaveUp != "" || took != want:
						t.Errorf("%s, %d, class %d: %+v after %s", after, code, class, out, took)
					}
				})
			}
		}
	}
}

// TestWaitPastTheDeadline: a wait that would pass the caller's deadline is not begun. The
// response is returned at once, with the reason.
func TestWaitPastTheDeadline(t *testing.T) {
	t.Parallel()
	for seconds, text := range map[string]string{
		"20": "not tried again: the wait of 20s would pass the context's deadline", "10": "", "9": "",
	} {
		for _, class := range []engine.Class{engine.Safe, engine.Unsent} {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				s := always(func(*http.Request) (*http.Response, error) { return reply(429, "", "Retry-After", seconds), nil })
				out := newEngine(t, s).Do(ctx, engine.Call{Method: http.MethodGet, URL: address, Class: class})
				if text != "" && (out.Response == nil || out.GaveUp != text || out.Ended != nil || time.Since(begun) != 0) {
					t.Errorf("%s: %+v after %s", seconds, out, time.Since(begun))
				}
				if text == "" && time.Since(begun) < 9*time.Second {
					t.Errorf("%s: %+v after %s", seconds, out, time.Since(begun))
				}
			})
		}
	}
}

// TestBudgetRunsOut: once the budget is empty, calls are sent once, and the outcome has the
// reason. 429s are retried nevertheless.
func TestBudgetRunsOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const text = "not tried again: too many calls of this client are failing (retry budget)"
		s := statuses(503)
		e := newEngine(t, s)
		for range 33 { // 3 retries each
			if out := e.Do(t.Context(), call); out.GaveUp != "" || out.Sent != 4 {
				t.Fatalf("%+v", out)
			}
		}
		if out := e.Do(t.Context(), call); out.GaveUp != text || out.Sent != 2 || out.Response.Status != 503 {
			t.Errorf("the last retry: %+v", out)
		}
		if out := e.Do(t.Context(), call); out.GaveUp != text || out.Sent != 1 || out.Response.Status != 503 {
			t.Errorf("empty: %+v", out)
		}
		s.respond = func(int, *http.Request) (*http.Response, error) { return nil, errReset }
		if out := e.Do(t.Context(), call); out.GaveUp != text || out.Sent != 1 || !errors.Is(out.Err, errReset) {
			t.Errorf("an error: %+v", out)
		}
		s.respond = func(int, *http.Request) (*http.Response, error) { return reply(429, ""), nil }
		if out := e.Do(t.Context(), call); out.GaveUp != "" || out.Sent != 4 {
			t.Errorf("429: %+v", out)
		}
	})
}

// TestBudgetIsPaidBack: a call that succeeds in the end gets back what it spent on retries.
func TestBudgetIsPaidBack(t *testing.T) {
	t.Parallel()
	left := func(b *pace.Budget) (n int) {
		for spent := 0; b.Take(&spent); n++ {
		}
		return n
	}
	for name, tt := range map[string]struct {
		codes []int
		want  int // what is left is enough for so many retries
	}{
		"success":  {[]int{503, 503, 200}, 2},
		"accepted": {[]int{503, 202}, 2},
		"404":      {[]int{503, 503, 404}, 0},
		"redirect": {[]int{503, 302}, 1},
		"failure":  {[]int{503}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := pace.NewBudget()
			for range 98 { // leave enough for 2
				b.Take(new(int))
			}
			newEngine(t, statuses(tt.codes...), withBudget(b)).Do(t.Context(), call)
			if n := left(b); n != tt.want {
				t.Errorf("%s: enough is left for %d retries, want %d", name, n, tt.want)
			}
		})
	}
}

// TestThrottledByForbidden: a 403 that asks for a wait pauses the other calls too, and its
// retries are not paid from the budget. The limiter is told of a 429.
func TestThrottledByForbidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := pace.NewBudget()
		for b.Take(new(int)) {
		}
		s := &script{respond: func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return reply(403, "", "Retry-After", "5"), nil
			}
			return reply(200, "{}"), nil
		}}
		var told []int
		limiter := aware(func(_ time.Time, status int, _ time.Duration) { told = append(told, status) })
		e := newEngine(t, s, withBudget(b), withLimiter(limiter))
		begun := time.Now()
		var calls sync.WaitGroup
		for i := range 2 {
			calls.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				if out := e.Do(t.Context(), call); out.Response == nil || out.Response.Status != 200 || time.Since(begun) != 5*time.Second {
					t.Errorf("call %d: %+v after %s", i, out, time.Since(begun))
				}
			})
		}
		calls.Wait()
		if len(told) == 0 || told[0] != 429 {
			t.Errorf("the limiter was told %v", told)
		}
	})
}

// TestWithoutJSON: a success that is a page, or nothing at all, is retried as a 502 is, except
// after a create. A delete may be responded to with nothing, and with no other text than JSON.
// The last response is returned, so that its caller can say what it was.
func TestWithoutJSON(t *testing.T) {
	t.Parallel()
	update, remove, stream, lookup := call, call, call, call
	update.Method, remove.Method, lookup.Queued = http.MethodPatch, http.MethodDelete, true
	var body *engine.Body
	stream.Stream = func(b *engine.Body) error {
		body = b
		_, err := io.ReadFull(b, make([]byte, 10<<10))
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
		return err
	}
	for name, tt := range map[string]struct {
		call    engine.Call
		content bool // of Call
		status  int
		body    string
		sent    int
	}{
		"a page":                        {call, false, 200, " <html>", 4},
		"nothing":                       {call, true, 200, "", 4},
		"blanks":                        {call, true, 200, " \n", 4},
		"nothing, which will do":        {call, false, 200, "", 1},
		"JSON":                          {call, true, 200, "null", 1},
		"nothing at 204":                {call, true, 204, "", 1},
		"nothing at 205":                {call, true, 205, "", 1},
		"nothing at 202":                {call, true, 202, "", 4},
		"a page at 203":                 {call, false, 203, "<html>", 4},
		"a page at 201 to an update":    {update, true, 201, "<html>", 4},
		"nothing while it is queued":    {lookup, true, 202, "", 1},
		"a page while it is queued":     {lookup, true, 202, "<html>", 4},
		"nothing to a lookup":           {lookup, true, 203, "", 4},
		"a page to an update":           {update, false, 200, "<html>", 4},
		"a page to a delete":            {remove, true, 200, "<html>", 4},
		"text to a delete":              {remove, true, 202, "OK", 4},
		"JSON to a delete":              {remove, true, 200, "[]", 1},
		"nothing to a delete":           {remove, true, 200, " ", 1},
		"a page to a create":            {post, true, 200, "<html>", 1},
		"a stream of a page":            {stream, false, 200, "<html>", 4},
		"a stream of nothing":           {stream, true, 200, "", 4},
		"a stream that begins blank":    {stream, true, 200, strings.Repeat(" ", 9<<10) + "[]", 1},
		"a page to what is sent once":   {engine.Call{Method: http.MethodGet, URL: address, Once: true}, true, 200, "<html>", 1},
		"nothing in response to a HEAD": {engine.Call{Method: http.MethodHead, URL: address}, true, 200, "", 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := always(func(*http.Request) (*http.Response, error) { return reply(tt.status, tt.body), nil })
			tt.call.Content = tt.content
			out := newEngine(t, s).Do(t.Context(), tt.call)
			if out.Err != nil || out.Response.Status != tt.status || out.Sent != tt.sent || out.Ambiguous != (tt.sent > 1 || tt.call.Once) {
				t.Errorf("%s: %+v", name, out)
			}
			if tt.call.Stream != nil {
				body.Close()
			}
			if begins := string(out.Response.Body); len(begins) < 10 && begins != tt.body {
				t.Errorf("%s: the body is %q", name, begins)
			}
		})
	}
}

// TestWithoutJSONInBetween: a retry that gets what the API would send is a success, and the
// end of the wait for one names what it came after.
func TestWithoutJSONInBetween(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{respond: func(n int, _ *http.Request) (*http.Response, error) {
			return reply(200, []string{"<html>", `{"id":1}`}[n-1]), nil
		}}
		if out := newEngine(t, s).Do(t.Context(), call); out.Err != nil || string(out.Response.Body) != `{"id":1}` || out.Sent != 2 {
			t.Errorf("%+v", out)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var log strings.Builder
		s = always(func(*http.Request) (*http.Response, error) { return reply(200, "<html>"), nil })
		limited := 0
		out := newEngine(t, s, withLogger(slog.New(slog.NewTextHandler(&log, nil))), withLimiter(waiter(func(ctx context.Context) error {
			limited++
			if limited == 1 {
				return nil
			}
			cancel()
			return ctx.Err()
		}))).Do(ctx, call)
		if out.Err == nil || !strings.HasPrefix(out.Err.Error(), "waiting to try again after 200 OK, without JSON: ") {
			t.Errorf("%+v", out)
		}
		if !strings.Contains(log.String(), `status=200 error="without JSON"`) {
			t.Errorf("the log is %s", log.String())
		}
	})
}
