package growthgeniustest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
)

// Transport returns an HTTP transport to the server. Faults with the Effect [Refuse] fail
// its dials, as if there were no server: no connection is made, and so a client can tell
// that nothing was sent.
//
//	hc := &http.Client{Transport: srv.Transport()}
//	client := srv.Client(growthgenius.WithHTTPClient(hc))
//
// Each call returns a new transport, which keeps up to 100 idle connections. They are
// closed when the server closes. Transport panics in a bubble in which the server cannot be
// used (see [WithInMemoryNetwork]).
func (s *Server) Transport() http.RoundTripper {
	if err := s.checkBubble(); err != nil {
		panic(fmt.Sprintf("growthgeniustest: %v", err))
	}
	return &transport{
		server: s,
		open: &http.Transport{
			MaxIdleConnsPerHost: 100,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := s.network.DialContext(ctx, network, addr)
				if err == nil {
					s.dialedFrom(conn.LocalAddr().String())
				}
				return conn, err
			},
		},
		refused: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
				s.countRefusal()
				to, _ := net.ResolveTCPAddr(network, addr) // only for the text of the error
				err := os.NewSyscallError("connect", syscall.ECONNREFUSED)
				return nil, &net.OpError{Op: "dial", Net: network, Addr: to, Err: err}
			},
		},
	}
}

type transport struct {
	server        *Server
	open, refused *http.Transport
}

// RoundTrip sends a request or refuses it.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	route, _ := t.server.resolve(req.URL.EscapedPath())
	if t.server.refuse(req.Method, route) {
		return t.refused.RoundTrip(req)
	}
	return t.open.RoundTrip(req)
}

// CloseIdleConnections closes connections that are not in use.
func (t *transport) CloseIdleConnections() { t.open.CloseIdleConnections() }

// Refused returns how many dials [Server.Transport] has refused. They do not count as
// requests, because the server never saw them.
func (s *Server) Refused() int {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	return s.refused
}

func (s *Server) countRefusal() {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	s.refused++
}

func (s *Server) dialedFrom(addr string) {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	s.dialed[addr] = true
}

// mayRefuse reports whether Refuse faults still apply to a request. Transport has already
// applied them to its own connections.
func (s *Server) mayRefuse(r *http.Request) bool {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	return !s.dialed[r.RemoteAddr]
}
