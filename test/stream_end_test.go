package test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// hangUp returns a transport that responds to each request with these bytes, as they are on
// the wire, and then closes the connection.
func hangUp(t *testing.T, wire string) http.RoundTripper {
	t.Helper()
	return &http.Transport{DisableKeepAlives: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			if _, err := http.ReadRequest(bufio.NewReader(server)); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(server, wire)
		}()
		return client, nil
	}}
}

// TestStreamCut: wherever the connection is cut, and however the response gives its length,
// the loop gets the complete elements and then an error.
func TestStreamCut(t *testing.T) {
	t.Parallel()
	const elements = 24
	var body strings.Builder
	var ends []int
	contact := sampleContact(t)
	for i := range elements {
		if i == 0 {
			body.WriteString(`{"contacts":[`)
		} else {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, contact, i+1)
		ends = append(ends, body.Len())
	}
	body.WriteString("]}")
	var chunked strings.Builder
	chunks := httputil.NewChunkedWriter(&chunked)
	for piece := range slices.Chunk([]byte(body.String()), 1500) {
		_, _ = chunks.Write(piece)
	}
	_ = chunks.Close()
	chunked.WriteString("\r\n")
	var zipped strings.Builder
	zip, _ := gzip.NewWriterLevel(&zipped, gzip.NoCompression) // the records are too much alike for many cuts
	_, _ = io.WriteString(zip, body.String())
	_ = zip.Close()

	for name, framing := range map[string]struct {
		header, body string
		arrived      func(cut string) int // bytes of the response
		clean        bool                 // an early end looks like the proper one
	}{
		"length": {fmt.Sprintf("Content-Length: %d", body.Len()), body.String(), func(cut string) int { return len(cut) }, false},
		"chunked": {"Transfer-Encoding: chunked", chunked.String(), func(cut string) int {
			data, _ := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(cut)))
			return len(data)
		}, false},
		"close": {"Connection: close", body.String(), func(cut string) int { return len(cut) }, true},
		"gzip": {"Connection: close\r\nContent-Encoding: gzip", zipped.String(), func(cut string) int {
			unzip, err := gzip.NewReader(strings.NewReader(cut))
			if err != nil {
				return 0
			}
			data, _ := io.ReadAll(unzip)
			return len(data)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cuts := []int{len(framing.body), len(framing.body) - 1}
			for cut := 0; cut < len(framing.body); cut += 997 {
				cuts = append(cuts, cut)
			}
			for _, cut := range cuts {
				wire := "HTTP/1.1 200 OK\r\n" + framing.header + "\r\n\r\n" + framing.body[:cut]
				c := testkit.NewClient(t, testkit.Secret, growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: hangUp(t, wire)}))
				arrived := framing.arrived(framing.body[:cut])
				want, _ := slices.BinarySearch(ends, arrived+1)
				contacts, err := testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything, growthgenius.NoRetry()))
				if len(contacts) != want || want > 0 && contacts[want-1].ID != growthgenius.IntID(int64(want)) {
					t.Errorf("%d of %d bytes, %d elements: got %d", cut, len(framing.body), want, len(contacts))
				}
				clean := framing.clean || cut == 0 && name == "gzip" // which has no beginning yet
				if whole := cut == len(framing.body); whole != (err == nil) || !whole && errors.Is(err, growthgenius.ErrDecode) != clean {
					t.Errorf("%d of %d bytes: %v", cut, len(framing.body), err)
				}
			}
		})
	}
}

// TestStreamLeft: however the loop ends, the connection is closed, which the server sees.
// TestMain checks that no goroutine is left.
func TestStreamLeft(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*testing.T, iter.Seq2[*growthgenius.Contact, error]){
		"break": func(t *testing.T, seq iter.Seq2[*growthgenius.Contact, error]) {
			for _, err := range seq {
				if err != nil {
					t.Error(err)
				}
				break
			}
		},
		"panic": func(t *testing.T, seq iter.Seq2[*growthgenius.Contact, error]) {
			defer func() {
				if got := recover(); got != "the loop's own" {
					t.Errorf("recovered %v", got)
				}
			}()
			for range seq {
				panic("the loop's own")
			}
		},
		"pull": func(t *testing.T, seq iter.Seq2[*growthgenius.Contact, error]) {
			next, stop := iter.Pull2(seq)
			defer stop()
			for id := range 3 {
				if contact, err, ok := next(); !ok || err != nil || contact.ID != growthgenius.IntID(int64(id)) {
					t.Errorf("%v, %v, %v", contact, err, ok)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := make(chan error, 1)
			c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				_, err := io.WriteString(w, `{"contacts":[{"id":0}`)
				for id := 1; err == nil; id++ {
					_, err = fmt.Fprintf(w, `,{"id":%d}`, id)
				}
				left <- err
			})
			leave(t, c.Contacts.Stream(t.Context(), testkit.Everything))
			select {
			case <-left:
			case <-time.After(10 * time.Second):
				t.Error("the server still sends")
			}
		})
	}
}

// TestStreamKeepsConnections: after a stream that was read to its end, the next call uses
// its connection.
func TestStreamKeepsConnections(t *testing.T) {
	t.Parallel()
	srv := growthgeniustest.NewServer(t)
	srv.AddContacts(make([]growthgenius.Contact, 100)...)
	c := testkit.Live(t, srv)
	for range 3 {
		contacts, err := testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything))
		if err != nil || len(contacts) != 100 {
			t.Fatalf("%d elements, %v", len(contacts), err)
		}
	}
	if n := srv.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestStreamReplay: a request is sent again only as long as the loop has not seen an element
// of the response.
func TestStreamReplay(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset by peer")
	status := func(code int) func() (*http.Response, error) {
		return func() (*http.Response, error) { return testkit.Reply(code, "{}"), nil }
	}
	cut := func(body string) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			res := testkit.Reply(200, "")
			res.Body = io.NopCloser(broken(body, reset))
			return res, nil
		}
	}
	text := func(body string) func() (*http.Response, error) {
		return func() (*http.Response, error) { return testkit.Reply(200, body), nil }
	}
	for name, tt := range map[string]struct {
		first    func() (*http.Response, error)
		again    bool
		elements int   // of the first response
		is       error // if it is not sent again
	}{
		"reset":                 {first: func() (*http.Response, error) { return nil, reset }, again: true, is: reset},
		"408":                   {first: status(408), again: true},
		"429":                   {first: status(429), again: true, is: growthgenius.ErrRateLimited},
		"503":                   {first: status(503), again: true, is: growthgenius.ErrServer},
		"cut at the beginning":  {first: cut(""), again: true, is: reset},
		"cut in the envelope":   {first: cut(`{"x":[1],"cont`), again: true, is: reset},
		"cut before an element": {first: cut(`{"x":[1],"contacts":[null,`), again: true, is: reset},
		"cut in an element":     {first: cut(`{"contacts":[{"id":8,"name":"`), again: true, is: reset},
		"cut in an odd element": {first: cut(`{"contacts":[{"id":[8],"name":"`), again: true, is: reset},
		"cut behind no element": {first: cut(`{"contacts":[]`), again: true, is: reset},
		"cut behind an element": {first: cut(`{"contacts":[{"id":8}`), elements: 1, is: reset},
		"cut in the second":     {first: cut(`{"contacts":[{"id":8},{"id":9,`), elements: 1, is: reset},
		"cut behind the list":   {first: cut(`{"contacts":[{"id":8},{"id":9}]`), elements: 2, is: reset},
		"cut behind the end":    {first: cut(`{"contacts":[{"id":8},{"id":9}]}`), elements: 2, is: reset},
		"a page":                {first: text("<html>"), again: true, is: growthgenius.ErrDecode},
		"nothing":               {first: text(""), again: true, is: growthgenius.ErrDecode},
		"an early end":          {first: text(`{"contacts":[{"id":8`), is: growthgenius.ErrDecode},
		"404":                   {first: status(404), is: growthgenius.ErrNotFound},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &testkit.Script{Respond: func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return tt.first()
				}
				return testkit.Reply(200, `{"contacts":[{"id":1},{"id":2}]}`), nil
			}}
			c := testkit.Scripted(t, s)
			for _, opts := range [][]growthgenius.RequestOption{nil, {growthgenius.NoRetry()}} {
				s.Sent.Store(0)
				want, is, attempts := tt.elements, tt.is, 1
				again := tt.again && opts == nil
				if again {
					want, is, attempts = 2, nil, 2
				}
				var info growthgenius.ResponseInfo
				contacts, err := testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything, append(opts, growthgenius.CaptureResponse(&info))...))
				if len(contacts) != want || (err == nil) != again || is != nil && !errors.Is(err, is) {
					t.Errorf("%s: %d elements, %v", name, len(contacts), err)
				}
				if n := s.Sent.Load(); int(n) != attempts || want > 0 && info.Attempts != attempts {
					t.Errorf("%s: %d requests, %d attempts", name, n, info.Attempts)
				}
			}
		})
	}
}

// TestStreamGivesUp: before its first element, it has as many attempts as any call.
func TestStreamGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := testkit.Bodies(func(int, *http.Request) io.Reader { return broken(`{"contacts":[{`, io.ErrUnexpectedEOF) })
		contacts, err := testkit.Drain(t, testkit.Scripted(t, s).Contacts.Stream(t.Context(), testkit.Everything))
		if len(contacts) != 0 || !errors.Is(err, io.ErrUnexpectedEOF) || s.Sent.Load() != 4 {
			t.Errorf("%d elements of %d requests, %v", len(contacts), s.Sent.Load(), err)
		}
	})
}

// TestStreamTime: the attempt timeout applies to the head of the response and to each wait
// for more of its body. The time that the loop takes does not count.
func TestStreamTime(t *testing.T) {
	t.Parallel()
	const timeout = 30 * time.Second // the default
	elements := []string{`{"contacts":[{"id":1}`, `,{"id":2}`, `,{"id":3}`, `]}`}
	for name, tt := range map[string]struct {
		head, piece, loop time.Duration // what each takes
		elements          int
		timeouts          int           // attempts that timed out
		took              time.Duration // the backoff not included
	}{
		"a slow loop":   {loop: 10 * time.Minute, elements: 3, took: 30 * time.Minute},
		"a slow server": {head: timeout - 1, piece: timeout - 1, elements: 3, took: 5 * (timeout - 1)},
		"all slow":      {head: timeout - 1, piece: timeout - 1, loop: time.Hour, elements: 3, took: 3*time.Hour + 5*(timeout-1)},
		"no head":       {head: time.Hour, timeouts: 4, took: 4 * timeout},
		"no body":       {head: timeout - 1, piece: time.Hour, timeouts: 4, took: 4 * (2*timeout - 1)},
	} {
		synctest.Test(t, func(t *testing.T) {
			wait := func(ctx context.Context, d time.Duration) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(d):
					return nil
				}
			}
			s := &testkit.Script{Respond: func(_ int, r *http.Request) (*http.Response, error) {
				if err := wait(r.Context(), tt.head); err != nil {
					return nil, err
				}
				left := elements
				res := testkit.Reply(200, "")
				res.Body = io.NopCloser(readFunc(func(p []byte) (int, error) { //nolint:contextcheck // it is the request's
					if len(left) == 0 {
						return 0, io.EOF
					}
					if err := wait(r.Context(), tt.piece); err != nil {
						return 0, err
					}
					n := copy(p, left[0])
					left = left[1:]
					return n, nil
				}))
				return res, nil
			}}
			c := testkit.Scripted(t, s, growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: 1, MaxBackoff: 1}))
			begun, n := time.Now(), 0
			var err error
			for _, e := range c.Contacts.Stream(t.Context(), testkit.Everything) {
				if err = e; e == nil {
					n++
					time.Sleep(tt.loop)
				}
			}
			took := time.Since(begun)
			if n != tt.elements || took.Round(time.Millisecond) != tt.took.Round(time.Millisecond) || int(s.Sent.Load()) != max(1, tt.timeouts) {
				t.Errorf("%s: %d elements of %d requests in %s, %v", name, n, s.Sent.Load(), took, err)
			}
			if tt.timeouts > 0 {
				isTimeout(t, err)
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// isTimeout fails the test unless err is the timeout of an attempt, and not the caller's
// deadline.
func isTimeout(t *testing.T, err error) {
	t.Helper()
	timeout, ok := errors.AsType[net.Error](err)
	if !ok || !timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Errorf("%v is not the timeout of an attempt", err)
	}
}

// TestStreamStalls: a wait in the middle ends with the attempt's timeout, or at once when the
// caller's context ends.
func TestStreamStalls(t *testing.T) {
	t.Parallel()
	stall := func() *testkit.Script {
		return testkit.Bodies(func(_ int, r *http.Request) io.Reader {
			return stuck{strings.NewReader(`{"contacts":[{"id":1},{"id":2},{`), r.Context()}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		begun, s := time.Now(), stall()
		contacts, err := testkit.Drain(t, testkit.Scripted(t, s, growthgenius.WithAttemptTimeout(7*time.Second)).Contacts.Stream(t.Context(), testkit.Everything))
		isTimeout(t, err)
		if took := time.Since(begun); len(contacts) != 2 || took != 7*time.Second || s.Sent.Load() != 1 {
			t.Errorf("%d elements of %d requests in %s, %v", len(contacts), s.Sent.Load(), took, err)
		}
	})
	for ending, ends := range testkit.Endings {
		synctest.Test(t, func(t *testing.T) {
			begun, s := time.Now(), stall()
			ctx, cancel := ends(t.Context())
			defer cancel()
			contacts, err := testkit.Drain(t, testkit.Scripted(t, s).Contacts.Stream(ctx, testkit.Everything))
			if took := time.Since(begun); len(contacts) != 2 || took != time.Second || !errors.Is(err, ending) || s.Sent.Load() != 1 {
				t.Errorf("%d elements of %d requests in %s, %v", len(contacts), s.Sent.Load(), took, err)
			}
		})
	}
}

// TestStreamCanceledByTheLoop: the loop gets the elements that have arrived, no more is read,
// and the last error is that of the context, unless all has been read.
func TestStreamCanceledByTheLoop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		by              growthgenius.ID // the element during which it is canceled
		pieces          []string        // the last one comes with the end
		elements, reads int
		is              error
	}{
		{"1", []string{`{"contacts":[{"id":1},{"id":2}`, `,{"id":3}`, `]}`}, 2, 1, context.Canceled},
		{"2", []string{`{"contacts":[{"id":1},{"id":2}`, `,{"id":3}`, `]}`}, 2, 1, context.Canceled},
		{"3", []string{`{"contacts":[{"id":1},{"id":2}`, `,{"id":3}`, `]}`}, 3, 2, context.Canceled},
		{"2", []string{`{"contacts":[{"id":1},{"id":2}`, `,{"id":3}]}`}, 2, 1, context.Canceled},
		{"3", []string{`{"contacts":[{"id":1},{"id":2}`, `,{"id":3}]}`}, 3, 2, nil},
		{"1", []string{`{"contacts":[{"id":1},{"id":2},{"id":3}]}`}, 3, 1, nil},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		reads := 0
		c := testkit.Scripted(t, testkit.Bodies(func(int, *http.Request) io.Reader {
			return readFunc(func(p []byte) (int, error) {
				reads++
				if reads == len(tt.pieces) {
					return copy(p, tt.pieces[reads-1]), io.EOF
				}
				return copy(p, tt.pieces[reads-1]), nil
			})
		}))
		n := 0
		var err error
		for contact, e := range c.Contacts.Stream(ctx, testkit.Everything) {
			if err = e; e != nil {
				continue
			}
			n++
			if contact.ID == tt.by {
				cancel()
			}
		}
		cancel()
		if n != tt.elements || reads != tt.reads || (err != nil) != (tt.is != nil) || !errors.Is(err, tt.is) {
			t.Errorf("%q, canceled by %s: %d elements in %d reads, %v", tt.pieces, tt.by, n, reads, err)
		}
	}
}
