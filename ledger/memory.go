package ledger

import (
	"context"
	"fmt"
	"sync"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/turns"
)

// Memory is a ledger in memory: it serves the goroutines of one process, and forgets all
// when the process ends. It is safe for concurrent use.
type Memory struct {
	turns turns.Turns

	mu      sync.Mutex // guards the fields below
	entries map[string]growthgenius.Entry
	ids     ids[scopedID, string]
}

// NewMemory returns an empty ledger.
func NewMemory() *Memory {
	return &Memory{entries: map[string]growthgenius.Entry{}, ids: ids[scopedID, string]{}}
}

// Acquire implements [growthgenius.Ledger].
func (m *Memory) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	if err := take(ctx, &m.turns, key); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return &lease{turns: &m.turns, store: m, key: key, entry: m.entries[key]}, nil
}

func (m *Memory) put(key string, from, to growthgenius.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ids.move(key, idOf(from), idOf(to)); err != nil {
		return err
	}
	if to.IsZero() {
		delete(m.entries, key)
	} else {
		m.entries[key] = to
	}
	return nil
}

func (m *Memory) taken(key string, id scopedID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ids.taken(key, id)
}

// ids knows the key of each id of each scope.
type ids[ID, Key comparable] map[ID]Key

type scopedID struct {
	scope string
	id    growthgenius.ID
}

// idOf returns the id that only one key may have, or the zero value if there is none.
func idOf(e growthgenius.Entry) scopedID {
	if e.Scope == "" || e.ID == "" {
		return scopedID{}
	}
	return scopedID{e.Scope, e.ID}
}

// move replaces an id of a key by another one. The error matches [growthgenius.ErrIDTaken]
// if another key has that.
func (s ids[ID, Key]) move(key Key, from, to ID) error {
	if s.taken(key, to) {
		return fmt.Errorf("ledger: %w", growthgenius.ErrIDTaken)
	}
	if s[from] == key {
		delete(s, from)
	}
	var none ID
	if to != none {
		s[to] = key
	}
	return nil
}

// taken reports whether another key has an id.
func (s ids[ID, Key]) taken(key Key, id ID) bool {
	other, ok := s[id]
	return ok && other != key
}
