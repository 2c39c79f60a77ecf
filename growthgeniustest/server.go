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

// TB is the part of [testing.TB] that [NewServer] uses. *testing.T, *testing.B and
// *testing.F implement it.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Server is a GrowthGenius server in memory. It is safe for concurrent use.
// Create one with [NewServer] or [Start].
type Server struct {
	cfg       config
	network   network
	bubble    bool           // it was started in a bubble
	handlers  sync.WaitGroup // of the requests, the late commits and the listener
	closed    chan struct{}
	closeOnce sync.Once

	netMu   sync.Mutex // guards the fields from here to closing
	addr    string
	http    *http.Server
	conns   int
	dialed  map[string]bool // local addresses of the connections that Transport made
	refused int
	closing bool

	mu       sync.Mutex // guards the fields from here on
	users    []record
	contacts *table
	messages *table
	domains  map[string]company
	people   []record
	requests []*Request
	seq      int
	ledger   []LedgerEntry
	late     int // commits that are still to come
	lateDone *sync.Cond
	faults   []*injected
	rng      *rand.Rand
	bucket   *bucket
}

// NewServer starts a server for a test and closes it when the test ends.
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

// Start starts a server outside tests. The caller must close it.
func Start(opts ...ServerOption) (*Server, error) {
	cfg := defaultConfig()
	for _, opt := range opts {
		opt(&cfg)
	}
	if !isValidKey(cfg.apiKey) {
		return nil, errors.New("invalid API key: it must be printable ASCII without spaces")
	}
	s := &Server{
		cfg:      cfg,
		network:  &loopback{net.Dialer{Timeout: 10 * time.Second}},
		dialed:   map[string]bool{},
		closed:   make(chan struct{}),
		contacts: newTable("contact", "contacts", contactFields, firstContactID, cfg.textIDs),
		messages: newTable("message", "messages", messageFields, firstMessageID, cfg.textIDs),
		domains:  map[string]company{},
		rng:      rand.New(rand.NewPCG(cfg.seed, cfg.seed)),
	}
	if cfg.inMemory {
		s.network = new(memory)
	}
	s.bubble = inBubble()
	if err := s.checkBubble(); err != nil {
		return nil, err
	}
	s.contacts.search = &searchIndex{}
	s.lateDone = sync.NewCond(&s.mu)
	if !cfg.noSeeds {
		s.seed()
	}
	if err := s.listen(cfg.addr); err != nil {
		return nil, err
	}
	return s, nil
}

// isValidKey reports whether a client can send the key in a header.
func isValidKey(key string) bool {
	isInvalid := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	return key != "" && !strings.ContainsFunc(key, isInvalid)
}

// listen opens the port and serves it.
func (s *Server) listen(addr string) error {
	ln, err := s.network.Listen(addr)
	if err != nil {
		return fmt.Errorf("starting the server: %w", err)
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
		delete(s.dialed, c.RemoteAddr().String())
	}
}

// Close stops the server. It closes all connections, ends requests that hang, and drops
// commits that a CommitDelay has put off. It may be called more than once.
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

// SetDown takes the server off the network or puts it back. Going down closes all
// connections, and further dials are refused. The server keeps its state and comes back
// on the same port; the error is non-nil if it cannot listen there again.
func (s *Server) SetDown(down bool) error {
	s.netMu.Lock()
	server, addr := s.http, s.addr
	s.netMu.Unlock()
	if down {
		return server.Close()
	}
	return s.listen(addr)
}

// URL returns the base URL for [growthgenius.WithBaseURL]. It includes the documented
// path /integrations/v1.
func (s *Server) URL() string {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	return "http://" + s.addr + basePath
}

// APIKey returns the only API key that the server accepts. See [WithAPIKey].
func (s *Server) APIKey() string { return s.cfg.apiKey }

// Client returns an SDK client for this server. The API key, the base URL and the acting
// user (the first user of the server) are set; opts are applied after these and override
// them. Client panics if [growthgenius.NewClient] returns an error, or in a bubble in which
// the server cannot be used (see [WithInMemoryNetwork]).
func (s *Server) Client(opts ...growthgenius.Option) *growthgenius.Client {
	if err := s.checkBubble(); err != nil {
		panic(fmt.Sprintf("growthgeniustest: %v", err))
	}
	preset := []growthgenius.Option{growthgenius.WithBaseURL(s.URL())}
	if users := s.Users(); len(users) > 0 {
		preset = append(preset, growthgenius.WithUserID(users[0].ID))
	}
	if s.cfg.inMemory {
		hc := &http.Client{Transport: s.Transport()}
		preset = append(preset, growthgenius.WithHTTPClient(hc))
	}
	client, err := growthgenius.NewClient(s.APIKey(), append(preset, opts...)...)
	if err != nil {
		panic(fmt.Sprintf("growthgeniustest: %v", err))
	}
	return client
}

// Connections returns how many connections to the server were opened since it started.
func (s *Server) Connections() int {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	return s.conns
}

// now returns the time of the server's clock, for timestamps of records and Date headers.
func (s *Server) now() time.Time { return s.cfg.clock().Add(s.cfg.skew) }

// recordNow returns the time by the clock that stamps records.
func (s *Server) recordNow() time.Time { return s.now().Add(s.cfg.recordSkew) }
