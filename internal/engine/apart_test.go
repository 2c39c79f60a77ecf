package engine_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

// pipes is a network of one server, in memory. It serves HTTP/2 without TLS.
type pipes struct {
	dialed chan net.Conn
	server http.Server

	mu     sync.Mutex // guards the fields below
	n      int        // connections that were made
	closed []int
}

type connKey struct{}

// newPipes starts a server. The handler gets the number of the connection, from 1.
func newPipes(t *testing.T, handle func(conn int, w http.ResponseWriter, r *http.Request)) (*pipes, *http.Transport) {
	t.Helper()
	p := &pipes{dialed: make(chan net.Conn)}
	p.server.Protocols = new(http.Protocols)
	p.server.Protocols.SetUnencryptedHTTP2(true)
	p.server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c.(*numbered).n)
	}
	p.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("the request came by %s", r.Proto)
		}
		handle(r.Context().Value(connKey{}).(int), w, r)
	})
	transport := &http.Transport{DialContext: p.dial, Protocols: p.server.Protocols}
	go func() { _ = p.server.Serve(p) }()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = p.server.Close()
	})
	return p, transport
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	p.mu.Lock()
	p.n++
	n := p.n
	p.mu.Unlock()
	client, server := net.Pipe()
	p.dialed <- &numbered{Conn: server, n: n}
	return &numbered{Conn: client, n: n, close: p.close}, nil
}

func (p *pipes) close(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.closed, n) {
		p.closed = append(p.closed, n)
	}
}

// ended returns the connections that the client has closed.
func (p *pipes) ended() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(slices.Values(p.closed))
}

// Accept, Close and Addr make a net.Listener of it.
func (p *pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p.dialed; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (p *pipes) Close() error   { close(p.dialed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// numbered is one end of a connection.
type numbered struct {
	net.Conn

	n     int
	close func(int) // nil at the server's end
}

func (c *numbered) Close() error {
	if c.close != nil {
		c.close(c.n)
	}
	return c.Conn.Close()
}

// TestApart: over HTTP/2, the attempts after one that timed out use other connections, which
// end with them. What else is under way on the first one is not disturbed, and calls that
// do not time out share it.
func TestApart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		free      bool
		transport time.Duration // its own timeout
	}{{free: true}, {free: false}, {transport: 10 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			var (
				mu   sync.Mutex // guards used
				used []int
			)
			p, transport := newPipes(t, func(conn int, w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Slow") != "" {
					w.Header().Set("X-Conn", strconv.Itoa(conn))
					_ = http.NewResponseController(w).Flush()
					time.Sleep(50 * time.Second)
					return
				}
				mu.Lock()
				used = append(used, conn)
				mu.Unlock()
				switch conn {
				case 1:
					<-r.Context().Done()
				case 2:
					panic(http.ErrAbortHandler)
				}
			})
			transport.ResponseHeaderTimeout = tt.transport
			with := func(cfg *engine.Config) { cfg.Transport = transport }
			c := call
			c.URL.Scheme, c.Free = "http", tt.free
			slow := c
			slow.Free, slow.Header = false, http.Header{"X-Slow": {"1"}}
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					out := newEngine(t, new(script), withTimeout(time.Minute), with).Do(t.Context(), slow)
					if out.Err != nil || out.Response.Header.Get("X-Conn") != "1" || out.Sent != 1 {
						t.Errorf("%+v", out)
					}
				})
				synctest.Wait() // the connection is made
			}
			out := newEngine(t, new(script), with).Do(t.Context(), c)
			synctest.Wait()
			if out.Err != nil || out.Response.Status != 200 || !slices.Equal(used, []int{1, 2, 3}) {
				t.Errorf("%+v over the connections %v", out, used)
			}
			if closed := p.ended(); !slices.Equal(closed, []int{2, 3}) {
				t.Errorf("the connections %v were closed", closed)
			}
			wg.Wait()
		})
	}
}

// TestApartTooLate: a connection that was made too late for its attempt is closed.
func TestApartTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, transport := newPipes(t, func(conn int, _ http.ResponseWriter, r *http.Request) {
			if conn == 1 {
				<-r.Context().Done()
			}
		})
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := p.dial(ctx, network, addr)
			if conn.(*numbered).n == 2 {
				time.Sleep(40 * time.Second)
			}
			return conn, err
		}
		c := call
		c.URL.Scheme = "http"
		out := newEngine(t, new(script), func(cfg *engine.Config) { cfg.Transport = transport }).Do(t.Context(), c)
		if out.Err != nil || out.Sent != 3 {
			t.Errorf("%+v", out)
		}
		time.Sleep(time.Minute)
		if closed := p.ended(); !slices.Equal(closed, []int{2, 3}) {
			t.Errorf("the connections %v were closed", closed)
		}
	})
}
