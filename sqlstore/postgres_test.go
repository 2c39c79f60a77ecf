//go:build unix

package sqlstore_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// proxy is a way to a database that can be cut.
type proxy struct {
	database database // through the proxy
	folder   string

	mu       sync.Mutex // guards the fields below
	listener net.Listener
	conns    []net.Conn
}

func newProxy(t *testing.T, d database) *proxy {
	t.Helper()
	folder, err := os.MkdirTemp("", "proxy") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{folder: folder, database: d}
	p.database.dsn = strings.Replace(d.dsn, pgtest.Folder(), folder, 1)
	p.set(t, true)
	t.Cleanup(func() {
		p.set(t, false)
		_ = os.RemoveAll(folder)
	})
	return p
}

// set opens the way, or cuts it.
func (p *proxy) set(t *testing.T, up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	const name = ".s.PGSQL.5432"
	switch {
	case up == (p.listener != nil):
	case up:
		var err error
		if p.listener, err = net.Listen("unix", filepath.Join(p.folder, name)); err != nil {
			t.Error(err)
			return
		}
		go p.accept(p.listener, filepath.Join(pgtest.Folder(), name))
	default:
		_ = p.listener.Close()
		p.listener = nil
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.conns = nil
	}
}

func (p *proxy) accept(l net.Listener, to string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("unix", to)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, in, out)
		if p.listener != l {
			_, _ = in.Close(), out.Close()
		}
		p.mu.Unlock()
		pipe := func(from, to net.Conn) {
			_, _ = io.Copy(to, from)
			_, _ = from.Close(), to.Close()
		}
		go pipe(in, out)
		go pipe(out, in)
	}
}

// roundTrip is a transport.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestPostgresGoesAway: while the database is out of reach, a create fails with an error that
// says so, before anything is sent. If it goes away in the middle of a create, the record is
// found when it is back.
func TestPostgresGoesAway(t *testing.T) {
	t.Parallel()
	proxy := newProxy(t, empty(t, sqlstore.Postgres))
	s := proxy.database.store(t)
	srv := growthgeniustest.NewServer(t)
	transport := growthgenius.DefaultTransport()
	t.Cleanup(transport.CloseIdleConnections)
	var sent int
	c := client(t, srv, s, roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			sent++
			proxy.set(t, false)
		}
		return transport.RoundTrip(r)
	}))
	create := func() (*growthgenius.Contact, error) {
		return c.Contacts.Create(t.Context(), growthgenius.ContactInput{FullName: growthgenius.Set("Ana Lima")}, growthgenius.Once("key"))
	}
	before := len(srv.Contacts())
	proxy.set(t, false)
	_, err := create()
	if err == nil || errors.Is(err, growthgenius.ErrOutcomeUnknown) || sent != 0 {
		t.Errorf("while the database is away: %v, and %d requests", err, sent)
	}
	t.Log(err)
	proxy.set(t, true)
	_, err = create()
	if !errors.Is(err, growthgenius.ErrOutcomeUnknown) || sent != 1 {
		t.Errorf("the database goes away during the create: %v, and %d requests", err, sent)
	}
	t.Log(err)
	proxy.set(t, true)
	v, err := create()
	if err != nil || v.FullName != "Ana Lima" || sent != 1 || len(srv.Contacts()) != before+1 {
		t.Errorf("when it is back: %v, %v, %d requests, and %d contacts", v, err, sent, len(srv.Contacts())-before)
	}
}
