package growthgeniustest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// WithInMemoryNetwork gives the server no port: it is reached through [Server.Client] and [Server.Transport] only, over
// connections within the process. They may be used in a bubble of [testing/synctest], where waits take no time: a
// create whose answer is lost is looked for during five seconds that pass at once.
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork())
//		client := srv.Client()
//		// ...
//	})
//
// Time begins on 2000-01-01 in a bubble. A client given WithHTTPClient needs a transport from [Server.Transport].
// Default: a port on loopback.
func WithInMemoryNetwork() ServerOption { return func(c *config) { c.inMemory = true } }

// network is where a server listens and its clients dial.
type network interface {
	Listen(addr string) (net.Listener, error)
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// loopback is the machine's own.
type loopback struct{ net.Dialer }

func (*loopback) Listen(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }

// memory is a network of one server.
type memory struct {
	mu       sync.Mutex
	listener *memoryListener // nil while nobody listens
	dials    int
}

// Listen takes an address that nobody can dial on the machine's own network.
func (m *memory) Listen(string) (net.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listener = &memoryListener{memory: m, dialled: make(chan net.Conn), closed: make(chan struct{})}
	return m.listener, nil
}

func (m *memory) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	m.mu.Lock()
	l := m.listener
	m.dials++
	from := memoryAddr(m.dials)
	m.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: memoryAddr(0), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	if l == nil {
		return nil, refused
	}
	client, server := net.Pipe()
	reset := new(atomic.Bool)
	select {
	case l.dialled <- &memoryConn{server, memoryAddr(0), from, reset}:
		return &memoryConn{client, from, memoryAddr(0), reset}, nil
	case <-l.closed:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// memoryAddr is the server's address where port is 0.
func memoryAddr(port int) net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }

type memoryListener struct {
	memory  *memory
	dialled chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.dialled:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() {
		l.memory.mu.Lock()
		defer l.memory.mu.Unlock()
		close(l.closed)
		if l.memory.listener == l {
			l.memory.listener = nil
		}
	})
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr(0) }

// memoryConn is one end of a connection.
type memoryConn struct {
	net.Conn
	local, remote net.Addr
	reset         *atomic.Bool // of both ends
}

func (c *memoryConn) LocalAddr() net.Addr  { return c.local }
func (c *memoryConn) RemoteAddr() net.Addr { return c.remote }

// SetLinger makes the other end see a reset once this one is closed, as it does with TCP for 0 seconds.
func (c *memoryConn) SetLinger(seconds int) error {
	c.reset.Store(seconds == 0)
	return nil
}

func (c *memoryConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.EOF) && c.reset.Load() {
		err = &net.OpError{Op: "read", Net: "tcp", Source: c.local, Addr: c.remote, Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	return n, err
}
