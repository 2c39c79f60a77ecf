package testkit

import (
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// Script is a transport in one function, without a network. It counts the requests, and
// the response bodies that are still open.
type Script struct {
	Respond func(n int, r *http.Request) (*http.Response, error) // to request n, from 1
	Sent    atomic.Int64
	open    atomic.Int64
}

// RoundTrip responds to a request.
func (s *Script) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	res, err := s.Respond(int(s.Sent.Add(1)), r)
	if res != nil {
		s.open.Add(1)
		res.Body = &counted{ReadCloser: res.Body, open: &s.open}
		res.Request = r
	}
	return res, err
}

// counted is a body that is counted until it is closed.
type counted struct {
	io.ReadCloser
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.ReadCloser.Close()
}

// Scripted returns a client of a script that acts as user 1. A body that is open when the
// test ends fails it.
func Scripted(t testing.TB, s *Script, opts ...growthgenius.Option) *growthgenius.Client {
	t.Helper()
	base := []growthgenius.Option{
		growthgenius.WithUserID("1"), growthgenius.WithHTTPClient(&http.Client{Transport: s}),
	}
	c := NewClient(t, Secret, append(base, opts...)...)
	t.Cleanup(func() {
		if n := s.open.Load(); n != 0 {
			t.Errorf("%d bodies were not closed", n)
		}
	})
	return c
}

// Reply returns a response. Its headers are given as name, value, name, value.
func Reply(status int, body string, headers ...string) *http.Response {
	h := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}

// Bodies returns a script that responds to each request with a body of its own.
func Bodies(body func(n int, r *http.Request) io.Reader) *Script {
	return &Script{Respond: func(n int, r *http.Request) (*http.Response, error) {
		res := Reply(200, "", "X-Request-Id", "r"+strconv.Itoa(n))
		res.Body = io.NopCloser(body(n, r))
		return res, nil
	}}
}

// Text returns a script that always responds with the same body.
func Text(body string) *Script {
	return Bodies(func(int, *http.Request) io.Reader { return strings.NewReader(body) })
}

// Everything asks for a list from the beginning until now.
var Everything growthgenius.ListOptions

// Drain ranges over a stream. No element may come with an error or after one.
func Drain[T any](t testing.TB, seq iter.Seq2[*T, error]) (all []T, err error) {
	t.Helper()
	for v, e := range seq {
		if err != nil || (v == nil) != (e != nil) {
			t.Errorf("%v, %v after %v", v, e, err)
		}
		if err = e; v != nil {
			all = append(all, *v)
		}
	}
	return all, err
}

// TransportFunc is a transport in one function, as http.HandlerFunc is a handler.
type TransportFunc func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f TransportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
