package testkit

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jarcoal/httpmock"

	"github.com/growthgenius/growthgenius-go"
)

// API is a transport that responds as it was told to, without a network, and keeps the
// requests. A request without a prepared response fails the test, and so does a prepared
// response that no request asked for.
type API struct {
	Transport *httpmock.MockTransport

	t        testing.TB
	mu       sync.Mutex
	Requests []Request // guarded by mu while a call is under way
}

// Request is a request as it was sent.
type Request struct {
	Method string
	URL    string // as sent: escaped path and raw query, after the base URL
	Header http.Header
	Body   string
}

// String returns the request as the golden files have it.
func (r Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(r.Header[name], " | "))
	}
	if r.Body != "" {
		b.WriteString("\n" + r.Body + "\n")
	}
	return b.String()
}

// NewAPI returns an API without any response.
func NewAPI(t testing.TB) *API {
	t.Helper()
	m := &API{t: t, Transport: httpmock.NewMockTransport()}
	m.Transport.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		t.Errorf("unexpected request: %s %s", r.Method, r.URL)
		return nil, errors.New("unexpected request")
	})
	t.Cleanup(func() {
		for route, calls := range m.Transport.GetCallCountInfo() {
			if calls == 0 && route != "NO_RESPONDER" {
				t.Errorf("no request was sent to %s", route)
			}
		}
	})
	return m
}

// On prepares the response to a method and a path, whatever the query.
func (m *API) On(method, path string, status int, body string) *API {
	return m.OnFunc(method, path, func(*http.Request) (*http.Response, error) {
		return httpmock.NewStringResponse(status, body), nil
	})
}

// OnFunc is On for a response that depends on the request, or is an error.
func (m *API) OnFunc(method, path string, respond httpmock.Responder) *API {
	m.Transport.RegisterResponder(method, growthgenius.DefaultBaseURL+path, func(r *http.Request) (*http.Response, error) {
		sent := Request{Method: r.Method, URL: r.URL.RequestURI(), Header: r.Header.Clone()}
		if r.Body != nil {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				m.t.Error(err)
			}
			sent.Body = string(body)
		}
		m.mu.Lock()
		m.Requests = append(m.Requests, sent)
		m.mu.Unlock()
		return respond(r)
	})
	return m
}

// Client returns a OneShot client of the API.
func (m *API) Client(opts ...growthgenius.Option) *growthgenius.Client {
	m.t.Helper()
	base := []growthgenius.Option{growthgenius.WithHTTPClient(&http.Client{Transport: m.Transport})}
	return OneShot(m.t, append(base, opts...)...)
}

// Unused returns a client whose requests fail the test.
func Unused(t testing.TB, opts ...growthgenius.Option) *growthgenius.Client {
	t.Helper()
	return NewAPI(t).Client(opts...)
}
