//go:build unix

package sqlstore_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// newPostgres returns the DSN of a new schema, in the one server that the tests start.
func newPostgres(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts Postgres")
	}
	if err := postgres(); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test%d", schemas.Add(1))
	db, err := sql.Open("pgx", dsnOf(""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	return dsnOf(name)
}

var (
	schemas      atomic.Int32
	socketFolder string
	serverInput  io.Closer // which the end of this process closes
)

func dsnOf(schema string) string {
	return "postgres:///postgres?user=test&host=" + socketFolder + "&search_path=" + schema
}

// serveUntilEOF runs Postgres until its standard input is closed, so that it ends with the
// tests even if they are killed.
const serveUntilEOF = `"$0" -D "$1/data" -k "$1" -h "" -F >"$1/log" 2>&1 & read -r _; kill -INT $!; wait; rm -rf "$1"`

// postgres starts a server in a new folder. It listens only on a socket in that folder.
var postgres = sync.OnceValue(func() error {
	bin, err := postgresFolder()
	if err != nil {
		return err
	}
	if socketFolder, err = os.MkdirTemp("", "pg"); err != nil {
		return err
	}
	var attr syscall.SysProcAttr
	if os.Geteuid() == 0 { // Postgres refuses to run as root
		if attr.Credential, err = ordinaryUser(); err != nil {
			return err
		}
		if err := os.Chown(socketFolder, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--username=test", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync",
		"--pgdata="+filepath.Join(socketFolder, "data"))
	initdb.SysProcAttr, initdb.Dir = &attr, socketFolder
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	server := exec.Command("sh", "-c", serveUntilEOF, filepath.Join(bin, "postgres"), socketFolder)
	server.SysProcAttr, server.Dir = &attr, socketFolder
	if serverInput, err = server.StdinPipe(); err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}

	db, err := sql.Open("pgx", dsnOf(""))
	if err != nil {
		return err
	}
	defer db.Close()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := db.Ping()
		if err == nil {
			return nil
		}
		if time.Since(began) > 30*time.Second {
			log, _ := os.ReadFile(filepath.Join(socketFolder, "log"))
			return fmt.Errorf("postgres: %w\n%s", err, log)
		}
	}
})

// postgresFolder returns the folder of Postgres's programs, which Debian does not add to
// the PATH.
func postgresFolder() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("cannot find Postgres (initdb is neither in the PATH nor in /usr/lib/postgresql):\n" +
			"\tapt-get install postgresql, brew install postgresql, or go test -short to skip its tests")
	}
	initdb, err := filepath.EvalSymlinks(slices.Max(found))
	return filepath.Dir(initdb), err
}

func ordinaryUser() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("running Postgres needs a user other than root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

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
	p.database.dsn = strings.Replace(d.dsn, socketFolder, folder, 1)
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
		go p.accept(p.listener, filepath.Join(socketFolder, name))
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
