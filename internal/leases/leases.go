// Package leases makes a [growthgenius.Ledger] of a store that several processes share. It has
// what such ledgers have in common: the waits for a key, the renewal of leases, and when a
// lease counts as lost.
//
// Unlike the other internal packages it imports the root, which does not use it. The modules
// of the stores do.
package leases

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/turns"
)

// DefaultLease is how long a lease lasts if it is not renewed. It is three times the default
// attempt timeout of a client. A lease is renewed after a third of it, so that two attempt
// timeouts are left at any time, and one if the store is out of reach for a while.
const DefaultLease = 90 * time.Second

// minLease is the least length of a lease, so that renewals do not follow each other without a
// pause.
const minLease = 100 * time.Millisecond

// Backend is a store of leases and of what is stored under their keys. Each method is one
// atomic operation, and goes by the clock of the store. The name of a holder is printable
// ASCII, and belongs to one lease. Keys have any bytes.
//
// A lease that has run out is still that of its holder as long as no other holder has
// acquired the key.
type Backend interface {
	// Acquire makes a holder that of a key, for as long as a lease lasts, unless another
	// holder has a lease on it.
	Acquire(ctx context.Context, key, holder string, lasts time.Duration) (Acquired, error)
	// Renew lets the leases last that long from now on, and returns the holders of those
	// that are still theirs. If the error is not nil, nothing is known of the others.
	Renew(ctx context.Context, held []Held, lasts time.Duration) (renewed []string, err error)
	// Record stores a value under a key, or removes what is stored if the value has no data.
	// The error matches [growthgenius.ErrLeaseLost] if the key is not the holder's any more,
	// and [growthgenius.ErrIDTaken] if another key has the scope and the id of the value.
	Record(ctx context.Context, key, holder string, v Value) error
	// Taken reports whether another key has a scope and an id.
	Taken(ctx context.Context, key, scope, id string) (bool, error)
	// Release ends the lease of a holder. It does nothing if the key is not the holder's.
	Release(ctx context.Context, key, holder string) error
}

// Acquired is the result of [Backend.Acquire].
type Acquired struct {
	Held bool          // the holder has the key now
	Data []byte        // if it has: what is stored under the key, empty for nothing
	Left time.Duration // if it has not: in how long the lease of the other holder ends, or 0
}

// Held is a key and its holder.
type Held struct{ Key, Holder string }

// Value is what a [Backend] stores under a key.
type Value struct {
	// Scope and ID belong to one key only. They are empty if the entry has none that does.
	Scope, ID string
	// Open means that the outcome of a create is not known: the value must not be purged.
	Open bool
	// Data is the entry in JSON, or empty for no entry.
	Data []byte
}

// Options are the settings of a [Ledger].
type Options struct {
	Name  string        // begins the texts of errors
	Lease time.Duration // how long a lease lasts if it is not renewed: DefaultLease if it is 0 or less
}

// Ledger is a [growthgenius.Ledger] on a [Backend].
type Ledger struct {
	backend  Backend
	name     string
	lasts    time.Duration
	instance string
	leases   atomic.Int64 // how many were asked for
	turns    turns.Turns  // so that one goroutine at a time asks the backend for a key

	mu       sync.Mutex // guards the fields below, and those of leases that say so
	held     map[*lease]struct{}
	orphans  map[string][]*lease // by key: those that the store may have, and this process has not
	renewing bool                // renew is under way, or a timer calls it
	stop     context.CancelFunc  // ends a renewal
}

// New returns a ledger on a backend.
func New(b Backend, o Options) *Ledger {
	lasts := DefaultLease
	if o.Lease > 0 {
		lasts = max(o.Lease, minLease)
	}
	return &Ledger{
		backend: b, name: o.Name, lasts: lasts, instance: rand.Text(),
		held: map[*lease]struct{}{}, orphans: map[string][]*lease{}, stop: func() {},
	}
}

// Acquire implements [growthgenius.Ledger].
func (l *Ledger) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	if err := l.turns.Take(ctx, key); err != nil {
		return nil, fmt.Errorf("%s: waiting for the key: %w", l.name, err)
	}
	s := &lease{ledger: l, key: key, holder: l.instance + "-" + strconv.FormatInt(l.leases.Add(1), 10)}
	if err := s.acquire(ctx); err != nil {
		l.turns.Give(key)
		return nil, err
	}
	l.hold(s)
	return s, nil
}

// failed returns the error of what was done in the store. If the context has ended, it matches
// the error of that, whatever the store's driver makes of it.
func (l *Ledger) failed(ctx context.Context, doing string, err error) error {
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		return fmt.Errorf("%s: %s: %w (%w)", l.name, doing, ended, err)
	}
	return fmt.Errorf("%s: %s: %w", l.name, doing, err)
}

// hold renews a lease from now on.
func (l *Ledger) hold(s *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[s] = struct{}{}
	if !l.renewing {
		l.renewing = true
		time.AfterFunc(l.lasts/3, l.renew)
	}
}

// drop renews a lease no longer. It needs mu.
func (l *Ledger) drop(s *lease) {
	delete(l.held, s)
	if len(l.held) == 0 {
		l.stop()
	}
}

// renew renews all leases that are held, and calls itself again as long as there are any.
func (l *Ledger) renew() {
	ctx, cancel := context.WithTimeout(context.Background(), l.lasts/3)
	defer cancel()
	l.mu.Lock()
	l.stop = cancel
	var held []Held
	byHolder := map[string]*lease{}
	for s := range l.held {
		held = append(held, Held{s.key, s.holder})
		byHolder[s.holder] = s
	}
	l.mu.Unlock()

	sent, next := time.Now(), l.lasts/3
	var renewed []string
	var err error
	if len(held) > 0 {
		renewed, err = l.backend.Renew(ctx, held, l.lasts)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	for _, holder := range renewed {
		if s := byHolder[holder]; s != nil {
			s.granted(sent)
			delete(byHolder, holder)
		}
	}
	if err != nil {
		next /= 4 // those that cannot be renewed run out
	} else {
		for _, s := range byHolder {
			s.ended = true
			delete(l.held, s)
		}
	}
	l.renewing = len(l.held) > 0
	if l.renewing {
		time.AfterFunc(next, l.renew)
	}
}

// orphan keeps a lease that the store may have until it has run out there.
func (l *Ledger) orphan(s *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orphans[s.key] = append(l.orphans[s.key], s)
	time.AfterFunc(l.lasts, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.orphans[s.key] = slices.DeleteFunc(l.orphans[s.key], func(other *lease) bool { return other == s })
		if len(l.orphans[s.key]) == 0 {
			delete(l.orphans, s.key)
		}
	})
}

// orphansOf returns the orphans of a key, which are none any more.
func (l *Ledger) orphansOf(key string) []*lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer delete(l.orphans, key)
	return l.orphans[key]
}
