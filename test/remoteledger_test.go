package test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// ledgerServer shares a ledger in memory between processes. A lease lasts as long as the
// connection on which it was acquired, and so at most as long as the process.
type ledgerServer struct {
	http.ServeMux
	memory *ledger.Memory
	leases sync.Map // of *servedLease, by their id
}

type servedLease struct {
	mu    sync.Mutex
	lease growthgenius.Lease // nil when it has ended
	ended chan struct{}
	once  sync.Once
}

// acquired is the response to Acquire.
type acquired struct {
	Lease string
	Entry growthgenius.Entry
}

func newLedgerServer() *ledgerServer {
	s := &ledgerServer{memory: ledger.NewMemory()}
	s.HandleFunc("POST /acquire", s.acquire)
	s.HandleFunc("POST /record", s.record)
	s.HandleFunc("POST /release", s.release)
	return s
}

func (s *ledgerServer) acquire(w http.ResponseWriter, r *http.Request) {
	lease, err := s.memory.Acquire(r.Context(), r.URL.Query().Get("key"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	id, served := rand.Text(), &servedLease{lease: lease, ended: make(chan struct{})}
	s.leases.Store(id, served)
	defer s.leases.Delete(id)
	defer served.end(context.WithoutCancel(r.Context()))
	_ = json.NewEncoder(w).Encode(acquired{id, lease.Entry()})
	_ = http.NewResponseController(w).Flush()
	select {
	case <-served.ended:
	case <-r.Context().Done():
	}
}

// end releases the lease. Nothing is recorded from then on.
func (l *servedLease) end(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.lease.Release(ctx)
	l.lease = nil
}

func (s *ledgerServer) record(w http.ResponseWriter, r *http.Request) {
	var e growthgenius.Entry
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	err := growthgenius.ErrLeaseLost
	if v, ok := s.leases.Load(r.URL.Query().Get("lease")); ok {
		served := v.(*servedLease)
		served.mu.Lock()
		defer served.mu.Unlock()
		if served.lease != nil {
			err = served.lease.Record(r.Context(), e)
		}
	}
	switch {
	case errors.Is(err, growthgenius.ErrLeaseLost):
		w.WriteHeader(http.StatusGone)
	case errors.Is(err, growthgenius.ErrIDTaken):
		w.WriteHeader(http.StatusConflict)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *ledgerServer) release(_ http.ResponseWriter, r *http.Request) {
	if v, ok := s.leases.Load(r.URL.Query().Get("lease")); ok {
		served := v.(*servedLease)
		served.once.Do(func() { close(served.ended) })
	}
}

// remoteLedger is a ledger on a ledgerServer.
type remoteLedger struct {
	url  string
	http *http.Client
}

type remoteLease struct {
	ledger remoteLedger
	acquired
	body io.ReadCloser // ends with the lease
}

// call sends a request. The caller closes the body of the response.
func (l remoteLedger) call(ctx context.Context, path, name, value string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+path+"?"+name+"="+url.QueryEscape(value), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := l.http.Do(req)
	if err != nil {
		return nil, err
	}
	switch res.StatusCode {
	case http.StatusOK:
		return res, nil
	case http.StatusGone:
		err = growthgenius.ErrLeaseLost
	case http.StatusConflict:
		err = growthgenius.ErrIDTaken
	default:
		err = fmt.Errorf("the ledger responds %s", res.Status)
	}
	return nil, errors.Join(err, res.Body.Close())
}

// Acquire implements growthgenius.Ledger.
func (l remoteLedger) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	res, err := l.call(lasting, "/acquire", "key", key, nil)
	if !stop() {
		err = ctx.Err()
	}
	lease := &remoteLease{ledger: l}
	if err == nil {
		lease.body = res.Body
		err = json.NewDecoder(res.Body).Decode(&lease.acquired)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return lease, nil
}

// Entry implements growthgenius.Lease.
func (l *remoteLease) Entry() growthgenius.Entry { return l.acquired.Entry }

// Record implements growthgenius.Lease.
func (l *remoteLease) Record(ctx context.Context, e growthgenius.Entry) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	res, err := l.ledger.call(ctx, "/record", "lease", l.Lease, body)
	if err != nil {
		return err
	}
	l.acquired.Entry = e
	return res.Body.Close()
}

// Until implements growthgenius.Lease.
func (l *remoteLease) Until() time.Time { return time.Time{} }

// Release implements growthgenius.Lease. It returns when the lease has ended.
func (l *remoteLease) Release(ctx context.Context) error {
	res, err := l.ledger.call(context.WithoutCancel(ctx), "/release", "lease", l.Lease, nil)
	if err == nil {
		err = res.Body.Close()
		_, _ = io.Copy(io.Discard, l.body)
	}
	return errors.Join(err, l.body.Close())
}
