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

// WithInMemoryNetwork makes the server listen within the process instead of on a port, so
// that only [Server.Client] and [Server.Transport] reach it. Such a server may be used in
// a [testing/synctest] bubble, in which waits take no real time, not even the five
// seconds for which a client looks for a record if it gets no response to a create.
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork())
//		client := srv.Client()
//		// ...
//	})
//
// In a bubble, a server without this option does not start, and one that was started outside
// the bubble makes no clients: a test with it would hang. Time starts on 2000-01-01. A client with [growthgenius.WithHTTPClient]
// must use a transport from [Server.Transport]. Default: a port on loopback.
func WithInMemoryNetwork() ServerOption { return func(c *config) { c.inMemory = true } }

// network is the network on which a server listens and its clients dial.
type network interface {
	Listen(addr string) (net.Listener, error)
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// loopback is the loopback network of the machine.
type loopback struct{ net.Dialer }

func (*loopback) Listen(addr string) (net.Listener, error) {
	return net.Listen("tcp", addr)
}

// memory is a network within the process, with one server on it.
type memory struct {
	mu       sync.Mutex      // guards the fields below
	listener *memoryListener // nil while the server is down
	dials    int
}

// Listen ignores addr. The address of the listener cannot be dialed on a real network.
func (m *memory) Listen(string) (net.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listener = &memoryListener{
		memory: m, dialed: make(chan net.Conn), closed: make(chan struct{}),
	}
	return m.listener, nil
}

func (m *memory) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	m.mu.Lock()
	l := m.listener
	m.dials++
	from := memoryAddr(m.dials)
	m.mu.Unlock()
	refused := &net.OpError{
		Op: "dial", Net: "tcp", Addr: memoryAddr(0),
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
	}
	if l == nil {
		return nil, refused
	}
	client, server := net.Pipe()
	reset := new(atomic.Bool)
	select {
	case l.dialed <- &memoryConn{server, memoryAddr(0), from, reset}:
		return &memoryConn{client, from, memoryAddr(0), reset}, nil
	case <-l.closed:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// memoryAddr returns the address of a client. Port 0 is the server's.
func memoryAddr(port int) net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
}

type memoryListener struct {
	memory *memory
	dialed chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.dialed:
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
	reset         *atomic.Bool // shared by both ends
}

func (c *memoryConn) LocalAddr() net.Addr  { return c.local }
func (c *memoryConn) RemoteAddr() net.Addr { return c.remote }

// SetLinger makes the other end see a reset when this one is closed, if seconds is 0. A
// TCP connection does the same.
func (c *memoryConn) SetLinger(seconds int) error {
	c.reset.Store(seconds == 0)
	return nil
}

func (c *memoryConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, c.explain("read", err, io.EOF)
}

func (c *memoryConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.explain("write", err, io.ErrClosedPipe)
}

// explain returns the error of a connection that was reset, in place of the one of a pipe
// that was closed.
func (c *memoryConn) explain(op string, err, closed error) error {
	if !errors.Is(err, closed) || !c.reset.Load() {
		return err
	}
	return &net.OpError{
		Op: op, Net: "tcp", Source: c.local, Addr: c.remote,
		Err: os.NewSyscallError(op, syscall.ECONNRESET),
	}
}
