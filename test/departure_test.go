package test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// unreachable returns a transport that gets no connection.
func unreachable() *http.Transport {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("connection refused")
	}}
}

// TestSideRequests: a transport makes a request of its own in the context of a create. That it
// gets no connection does not prove that the create never left, but if the create was not
// touched either, it is sent again.
func TestSideRequests(t *testing.T) {
	t.Parallel()
	for name, host := range map[string]string{"another host": "auth.example.com", "the same host": ""} {
		for _, after := range []bool{false, true} {
			t.Run(map[bool]string{false: "before, ", true: "after, "}[after]+name, func(t *testing.T) {
				t.Parallel()
				testkit.Bubble(t, func(t *testing.T, srv *testkit.Server) {
					srv.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1})
					nowhere, failing := unreachable(), 2
					side := func(r *http.Request) error {
						target := *r.URL
						target.Path = "/oauth/token"
						if host != "" {
							target.Host = host
						}
						token, err := http.NewRequestWithContext(r.Context(), http.MethodGet, target.String(), nil)
						if err != nil {
							return err
						}
						_, err = nowhere.RoundTrip(token)
						return err
					}
					transport := testkit.TransportFunc(func(r *http.Request) (*http.Response, error) {
						if r.Method != http.MethodPost {
							return srv.RoundTrip(r)
						}
						if !after && failing > 0 {
							failing--
							return nil, side(r)
						}
						// In a context without the values of the call, so that nothing is reported of it.
						res, err := srv.RoundTrip(r.WithContext(t.Context()))
						if err != nil && after {
							return nil, side(r)
						}
						return res, err
					})
					c := srv.NewClient(growthgenius.WithHTTPClient(&http.Client{Transport: transport}))
					contact, err := c.Contacts.Create(t.Context(), testkit.Steve)
					if err != nil || len(srv.Contacts()) != 1 || contact.ID != srv.Contacts()[0].ID {
						t.Errorf("%+v, %v, %d contacts", contact, err, len(srv.Contacts()))
					}
					if posts := testkit.Count(srv.Server, "POST", "/contacts"); posts != 1 {
						t.Errorf("%d POSTs", posts)
					}
				})
			})
		}
	}
}

// stale is a connection that takes no more than one request.
type stale struct {
	net.Conn

	refused *atomic.Int64
	written bool // the head; the body follows
	done    bool
}

func (c *stale) Write(p []byte) (int, error) {
	if c.done {
		c.refused.Add(1)
		return 0, errors.New("broken pipe")
	}
	c.done, c.written = c.written, true
	return c.Conn.Write(p)
}

// TestStaleConnection: a create that meets a kept connection which takes nothing is sent on
// another one: net/http knows that nothing was written.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	var refused, served atomic.Int64
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &stale{Conn: conn, refused: &refused}, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		genuine(w, r)
	}, growthgenius.WithHTTPClient(&http.Client{Transport: testkit.TransportFunc(transport.RoundTrip)}))
	for range 2 {
		if err := c.Do(t.Context(), http.MethodPost, "/x", nil, "body", nil); err != nil {
			t.Error(err)
		}
	}
	if refused.Load() != 1 || served.Load() != 2 {
		t.Errorf("%d writes were refused, %d requests served", refused.Load(), served.Load())
	}
}
