package growthgeniustest

import (
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// basePath is the documented path of the API on its host.
const basePath = "/integrations/v1"

// TB is what [NewServer] needs of a test; *testing.T, *testing.B and *testing.F have it.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Server is a GrowthGenius server in memory. Its methods may be called from any number of goroutines.
// Make one with [NewServer] or [Start].
type Server struct {
	cfg     config
	network network
	addr    string

	netMu     sync.Mutex // guards what belongs to the listener
	http      *http.Server
	conns     int
	dialled   map[string]bool // local addresses of the connections that Transport made
	refused   int
	closing   bool
	handlers  sync.WaitGroup
	closed    chan struct{}
	closeOnce sync.Once

	mu       sync.Mutex // guards everything below
	users    []record
	contacts *table
	messages *table
	domains  map[string]company
	people   []record
	requests []*Request
	seq      int
	ledger   []LedgerEntry
	late     int // commits still to happen
	lateDone *sync.Cond
	faults   []*injected
	rng      *rand.Rand
	bucket   *bucket
}

// NewServer starts a server for one test and closes it when the test ends.
func NewServer(t TB, opts ...ServerOption) *Server {
	t.Helper()
	s, err := Start(opts...)
	if err != nil {
		t.Fatalf("growthgeniustest: %v", err)
		return nil
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server outside tests. The caller closes it.
func Start(opts ...ServerOption) (*Server, error) {
	cfg := defaultConfig()
	for _, opt := range opts {
		opt(&cfg)
	}
	if cfg.apiKey == "" || strings.ContainsFunc(cfg.apiKey, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("the API key must be printable ASCII without blanks")
	}
	s := &Server{
		cfg:      cfg,
		network:  &loopback{net.Dialer{Timeout: 10 * time.Second}},
		dialled:  map[string]bool{},
		closed:   make(chan struct{}),
		contacts: newTable("contact", "contacts", contactFields, firstContactID, cfg.textIDs),
		messages: newTable("message", "messages", messageFields, firstMessageID, cfg.textIDs),
		domains:  map[string]company{},
		rng:      rand.New(rand.NewPCG(cfg.seed, cfg.seed)),
	}
	if cfg.inMemory {
		s.network = new(memory)
	}
	s.lateDone = sync.NewCond(&s.mu)
	if !cfg.noSeeds {
		s.seed()
	}
	if err := s.listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	return s, nil
}

// listen opens the port and serves it.
func (s *Server) listen(addr string) error {
	ln, err := s.network.Listen(addr)
	if err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(s.handle),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
		ConnState:         s.connState,
	}
	s.netMu.Lock()
	defer s.netMu.Unlock()
	if s.closing {
		_ = ln.Close()
		return http.ErrServerClosed
	}
	s.addr, s.http = ln.Addr().String(), server
	s.handlers.Go(func() { _ = server.Serve(ln) })
	return nil
}

func (s *Server) connState(c net.Conn, state http.ConnState) {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	switch state {
	case http.StateNew:
		s.conns++
	case http.StateClosed, http.StateHijacked:
		delete(s.dialled, c.RemoteAddr().String())
	}
}

// Close stops the server: it closes every connection, lets go of hanging requests and drops commits still to come.
// Closing twice is fine.
func (s *Server) Close() {
	s.closeOnce.Do(func() {
		s.netMu.Lock()
		s.closing = true
		server := s.http
		s.netMu.Unlock()
		close(s.closed)
		_ = server.Close()
		s.handlers.Wait()
	})
}

// SetDown takes the server off the network, so that dials are refused and open connections are closed, and puts it
// back on the same port with its state kept. The error is that of listening again.
func (s *Server) SetDown(down bool) error {
	s.netMu.Lock()
	server, addr := s.http, s.addr
	s.netMu.Unlock()
	if down {
		return server.Close()
	}
	return s.listen(addr)
}

// URL is the base URL for growthgenius.WithBaseURL, the documented /integrations/v1 path included.
func (s *Server) URL() string {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	return "http://" + s.addr + basePath
}

// APIKey is the one key the server takes. Set it with [WithAPIKey].
func (s *Server) APIKey() string { return s.cfg.apiKey }

// Client makes an SDK client for this server: its key, its base URL and its first user as the acting one are preset.
// The given options come after those and win. It panics where the options are refused by growthgenius.NewClient.
func (s *Server) Client(opts ...growthgenius.Option) *growthgenius.Client {
	preset := []growthgenius.Option{growthgenius.WithBaseURL(s.URL())}
	if users := s.Users(); len(users) > 0 {
		preset = append(preset, growthgenius.WithUserID(users[0].ID))
	}
	if s.cfg.inMemory {
		preset = append(preset, growthgenius.WithHTTPClient(&http.Client{Transport: s.Transport()}))
	}
	client, err := growthgenius.NewClient(s.APIKey(), append(preset, opts...)...)
	if err != nil {
		panic(fmt.Sprintf("growthgeniustest: %v", err))
	}
	return client
}

// Connections counts the connections opened to the server since it started.
func (s *Server) Connections() int {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	return s.conns
}

// now is the server's clock: the one that stamps records and fills the Date header.
func (s *Server) now() time.Time { return s.cfg.clock().Add(s.cfg.skew) }
