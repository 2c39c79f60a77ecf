package growthgenius_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// quick is the default policy without the waits.
var quick = growthgenius.RetryPolicy{MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond}

// censored are the options of a test's client, whose log must have nothing private.
func censored(base, opts []growthgenius.Option) []growthgenius.Option {
	return slices.Concat(base, opts, []growthgenius.Option{growthgenius.Censored})
}

// live is a client of a server, with connections of its own.
func live(t testing.TB, srv *growthgeniustest.Server, opts ...growthgenius.Option) *growthgenius.Client {
	t.Helper()
	base := []growthgenius.Option{growthgenius.WithHTTPClient(&http.Client{Transport: srv.Transport()}), growthgenius.WithRetry(quick)}
	return srv.Client(censored(base, opts)...)
}

// requests counts what a server was sent.
func requests(srv *growthgeniustest.Server, method, route string) int {
	n := 0
	for _, r := range srv.Requests() {
		if r.Method == method && r.Route == route {
			n++
		}
	}
	return n
}

// timeless is a server in a bubble of fake time, where a request takes 4 ms and waits take
// none of ours.
type timeless struct {
	*growthgeniustest.Server
	open http.RoundTripper
}

// bubble runs a test in fake time.
func bubble(t *testing.T, test func(t *testing.T, srv *timeless), opts ...growthgeniustest.ServerOption) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := growthgeniustest.NewServer(t, append(opts, growthgeniustest.WithInMemoryNetwork())...)
		test(t, &timeless{srv, srv.Transport()})
	})
}

const latency = 2 * time.Millisecond // each way

func (s *timeless) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(latency)
	res, err := s.open.RoundTrip(r)
	time.Sleep(latency)
	return res, err
}

func (s *timeless) client(opts ...growthgenius.Option) *growthgenius.Client {
	base := []growthgenius.Option{growthgenius.WithHTTPClient(&http.Client{Transport: s})}
	return s.Client(censored(base, opts)...)
}

// unknown is the error of a create nobody knows the outcome of, or fails the test.
func unknown(t testing.TB, err error) *growthgenius.OutcomeUnknownError {
	t.Helper()
	e, ok := errors.AsType[*growthgenius.OutcomeUnknownError](err)
	if !ok || !errors.Is(err, growthgenius.ErrOutcomeUnknown) {
		t.Fatalf("%v is no unknown outcome", err)
	}
	for _, other := range []error{growthgenius.ErrServer, growthgenius.ErrRateLimited, growthgenius.ErrNotFound, growthgenius.ErrDecode, growthgenius.ErrRedirected} {
		if errors.Is(err, other) {
			t.Errorf("%v looks like %v", err, other)
		}
	}
	return e
}

// steve is a contact, louis a message.
var (
	steve = growthgenius.ContactInput{Email: growthgenius.Set("sjobs@apple.com"), FirstName: growthgenius.Set("Steve"), Title: growthgenius.Set("CEO")}
	louis = growthgenius.MessageInput{ContactID: growthgenius.Set(growthgenius.ID("155715")), RenderedCopy: growthgenius.Set("Hey Louis")}
)

// script is a transport without a network, for bubbles of fake time: it answers request
// number n, from 1, and counts the bodies that nobody has closed.
type script struct {
	answer func(n int, r *http.Request) (*http.Response, error)
	n      atomic.Int64
	open   atomic.Int64
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	res, err := s.answer(int(s.n.Add(1)), r)
	if res != nil {
		s.open.Add(1)
		res.Body = &counted{ReadCloser: res.Body, open: &s.open}
		res.Request = r
	}
	return res, err
}

type counted struct {
	io.ReadCloser
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.ReadCloser.Close()
}

// scripted is a client of a script, acting as user 1.
func scripted(t testing.TB, s *script, opts ...growthgenius.Option) *growthgenius.Client {
	t.Helper()
	base := []growthgenius.Option{growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: s})}
	c, err := growthgenius.NewClient("SECRET", censored(base, opts)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := s.open.Load(); n != 0 {
			t.Errorf("%d bodies were not closed", n)
		}
	})
	return c
}

// reply is an answer with headers given as name, value, name, value.
func reply(status int, body string, headers ...string) *http.Response {
	h := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}
