package testkit

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// Server is a server in a bubble of fake time. It is the transport of its clients, too.
type Server struct {
	*growthgeniustest.Server
	open http.RoundTripper
}

// Bubble runs a test in fake time, with a server whose network is in memory.
func Bubble(t *testing.T, test func(t *testing.T, srv *Server), opts ...growthgeniustest.ServerOption) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := growthgeniustest.NewServer(t, append(opts, growthgeniustest.WithInMemoryNetwork())...)
		test(t, &Server{srv, srv.Transport()})
	})
}

// Latency is how long a request to a Server takes to arrive, and its response to return.
const Latency = 2 * time.Millisecond

// RoundTrip sends a request to the server.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(Latency)
	res, err := s.open.RoundTrip(r)
	time.Sleep(Latency)
	return res, err
}

// NewClient returns a client of the server, with the default retry policy.
func (s *Server) NewClient(opts ...growthgenius.Option) *growthgenius.Client {
	base := []growthgenius.Option{growthgenius.WithHTTPClient(&http.Client{Transport: s})}
	return s.Client(censored(append(base, opts...))...)
}
