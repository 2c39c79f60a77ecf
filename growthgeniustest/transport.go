package growthgeniustest

import (
	"context"
	"net"
	"net/http"
	"os"
	"syscall"
)

// Transport gives a transport to the server in which faults with Effect [Refuse] refuse the dial itself, as a server
// does that is not there: net/http's own transport reports that no connection was had, so nothing can have been sent.
//
//	client := srv.Client(growthgenius.WithHTTPClient(&http.Client{Transport: srv.Transport()}))
//
// Each call gives a transport of its own, with room for 100 idle connections. They are closed when the server closes.
func (s *Server) Transport() http.RoundTripper {
	return &transport{
		server: s,
		open: &http.Transport{
			MaxIdleConnsPerHost: 100,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := s.network.DialContext(ctx, network, addr)
				if err == nil {
					s.dialledFrom(conn.LocalAddr().String())
				}
				return conn, err
			},
		},
		refused: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
				s.countRefusal()
				to, _ := net.ResolveTCPAddr(network, addr) // for the error's words only
				return nil, &net.OpError{Op: "dial", Net: network, Addr: to, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			},
		},
	}
}

type transport struct {
	server        *Server
	open, refused *http.Transport
}

// RoundTrip sends a request, or refuses it.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	route, _ := t.server.resolve(req.URL.EscapedPath())
	if t.server.refuse(req.Method, route) {
		return t.refused.RoundTrip(req)
	}
	return t.open.RoundTrip(req)
}

// CloseIdleConnections closes connections that nobody uses.
func (t *transport) CloseIdleConnections() { t.open.CloseIdleConnections() }

// Refused counts the dials that [Server.Transport] refused. They are no requests: the server never saw them.
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

func (s *Server) dialledFrom(addr string) {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	s.dialled[addr] = true
}

// mayRefuse tells whether Refuse faults are still open for a request: those of Transport have been through them.
func (s *Server) mayRefuse(r *http.Request) bool {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	return !s.dialled[r.RemoteAddr]
}
