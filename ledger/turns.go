package ledger

import (
	"context"
	"fmt"
	"sync"
)

// turns gives each key to one holder at a time, in the order in which they asked.
type turns struct {
	mu     sync.Mutex                 // guards the fields below
	held   map[string][]chan struct{} // by key: those that wait for it, the first one first
	closed bool
}

// take waits until the key is free, and holds it.
func (t *turns) take(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	t.mu.Lock()
	waiting, held := t.held[key]
	switch {
	case t.closed:
		t.mu.Unlock()
		return ErrClosed
	case !held:
		if t.held == nil {
			t.held = map[string][]chan struct{}{}
		}
		t.held[key] = nil
		t.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	t.held[key] = append(waiting, turn)
	t.mu.Unlock()

	select {
	case <-turn:
	case <-ctx.Done():
		if t.leave(key, turn) {
			return fmt.Errorf("ledger: waiting for another holder of the key: %w", ctx.Err())
		}
		<-turn // it was given the key in this moment
	}
	t.mu.Lock()
	closed := t.closed
	t.mu.Unlock()
	if closed {
		t.give(key)
		return ErrClosed
	}
	return nil
}

// leave stops waiting, and reports false if it was this one's turn already.
func (t *turns) leave(key string, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range t.held[key] {
		if other == turn {
			t.held[key] = append(t.held[key][:i:i], t.held[key][i+1:]...)
			return true
		}
	}
	return false
}

// give gives the key to the next one that waits, or frees it.
func (t *turns) give(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting := t.held[key]
	if len(waiting) == 0 {
		delete(t.held, key)
		return
	}
	t.held[key] = waiting[1:]
	close(waiting[0])
}

// holds reports whether the key is held.
func (t *turns) holds(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, held := t.held[key]
	return held
}

// close ends all waits with ErrClosed, and reports whether it was open.
func (t *turns) close() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.closed = true
	for key, waiting := range t.held {
		for _, turn := range waiting {
			close(turn)
		}
		t.held[key] = nil
	}
	return true
}
