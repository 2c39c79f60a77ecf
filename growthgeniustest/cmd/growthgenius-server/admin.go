package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

func shapeNames() []string { return slices.Sorted(maps.Keys(shapes)) }

// misbehavior is what the server does wrong, and the limit of its rate.
type misbehavior struct {
	share      float64
	late       time.Duration
	perSecond  float64
	burst      int
	retryAfter time.Duration
}

func (m misbehavior) check() error {
	switch {
	case m.share < 0 || m.share > 1:
		return fmt.Errorf("the share of faults must be from 0 to 1; got %v", m.share)
	case m.perSecond < 0 || m.perSecond > 0 && m.burst < 1:
		return fmt.Errorf("a rate must be positive, and its burst 1 at least; got %v and %d", m.perSecond, m.burst)
	case m.late < 0 || m.retryAfter < 0:
		return errors.New("a duration must not be negative")
	}
	return nil
}

// admin serves what a client of the API cannot see.
type admin struct {
	srv     *growthgeniustest.Server
	latency time.Duration

	mu sync.Mutex // guards misbehavior
	misbehavior
}

// apply makes the server misbehave as is set.
func (a *admin) apply() {
	a.srv.ClearFaults()
	for _, f := range growthgeniustest.FaultMix(a.share, a.retryAfter) {
		f.Delay = a.latency
		if f.Commit {
			f.CommitDelay = a.late
		}
		a.srv.Inject(f)
	}
	if a.latency > 0 {
		a.srv.Inject(growthgeniustest.Fault{Delay: a.latency})
	}
	a.srv.SetRateLimit(a.perSecond, a.burst, a.retryAfter)
}

func (a *admin) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a.counts()) // else the client has left
	})
	mux.HandleFunc("GET /ledger", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jsonl")
		lines := json.NewEncoder(w)
		for _, e := range a.srv.Ledger() {
			if lines.Encode(entry{
				Seq: e.Seq, Resource: e.Resource, ID: string(e.ID), UserID: string(e.ActingAs),
				Content: json.RawMessage(e.Content), Time: e.Time, Late: e.Late,
			}) != nil {
				return // the client has left
			}
		}
	})
	mux.HandleFunc("PUT /faults", a.change(func(m *misbehavior, q url.Values) error {
		return errors.Join(number(q, "share", &m.share), duration(q, "late", &m.late))
	}))
	mux.HandleFunc("PUT /rate", a.change(func(m *misbehavior, q url.Values) error {
		burst := float64(m.burst)
		err := errors.Join(number(q, "per_second", &m.perSecond), number(q, "burst", &burst), duration(q, "retry_after", &m.retryAfter))
		m.burst = int(burst)
		return err
	}))
	return mux
}

// entry is a line of the ledger.
type entry struct {
	Seq      int             `json:"seq"`
	Resource string          `json:"resource"`
	ID       string          `json:"id"`
	UserID   string          `json:"user_id"`
	Content  json.RawMessage `json:"content"`
	Time     time.Time       `json:"time"`
	Late     bool            `json:"late"`
}

// counts is how many records there are.
type counts struct {
	Contacts        int `json:"contacts"` // stored now
	Messages        int `json:"messages"`
	CreatedContacts int `json:"created_contacts"` // by requests
	CreatedMessages int `json:"created_messages"`
}

func (a *admin) counts() counts {
	c := counts{Contacts: len(a.srv.Contacts()), Messages: len(a.srv.Messages())}
	for _, e := range a.srv.Ledger() {
		if e.Resource == "contact" {
			c.CreatedContacts++
		} else {
			c.CreatedMessages++
		}
	}
	return c
}

// change serves a request that changes how the server misbehaves. What its query does not
// name stays.
func (a *admin) change(by func(*misbehavior, url.Values) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		next := a.misbehavior
		if err := errors.Join(by(&next, r.URL.Query()), next.check()); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a.misbehavior = next
		a.apply()
		w.WriteHeader(http.StatusNoContent)
	}
}

func number(q url.Values, name string, to *float64) error {
	if !q.Has(name) {
		return nil
	}
	v, err := strconv.ParseFloat(q.Get(name), 64)
	if err != nil {
		return fmt.Errorf("%s: %q is not a number", name, q.Get(name))
	}
	*to = v
	return nil
}

func duration(q url.Values, name string, to *time.Duration) error {
	if !q.Has(name) {
		return nil
	}
	v, err := time.ParseDuration(q.Get(name))
	if err != nil {
		return fmt.Errorf("%s: %q is not a duration such as 3s", name, q.Get(name))
	}
	*to = v
	return nil
}
