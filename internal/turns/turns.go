// Package turns gives each key to one holder at a time. It knows nothing of what a key is for.
package turns

import (
	"context"
	"sync"
)

// Turns gives each key to one holder at a time, in the order in which they asked. The zero
// value is ready to use, and safe for concurrent use.
type Turns struct {
	mu     sync.Mutex                 // guards the fields below
	held   map[string][]chan struct{} // by key: those that wait for it, the first one first
	closed error                      // why no key is given any more
}

// Take waits until the key is free, and holds it. The error is that of the context, or the
// one that Close was given.
func (t *Turns) Take(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err //nolint:wrapcheck // the caller says what it waited for
	}
	t.mu.Lock()
	waiting, held := t.held[key]
	switch {
	case t.closed != nil:
		defer t.mu.Unlock()
		return t.closed
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
			return ctx.Err() //nolint:wrapcheck // the caller says what it waited for
		}
		<-turn // Give has passed the key on meanwhile
	}
	t.mu.Lock()
	closed := t.closed
	t.mu.Unlock()
	if closed != nil {
		t.Give(key)
	}
	return closed
}

// leave stops waiting, and reports false if it was this one's turn already.
func (t *Turns) leave(key string, turn chan struct{}) bool {
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

// Give gives the key to the next one that waits, or frees it.
func (t *Turns) Give(key string) {
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

// Waiting returns how many wait for the key, and whether it is held.
func (t *Turns) Waiting(key string) (n int, held bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting, held := t.held[key]
	return len(waiting), held
}

// Close ends all waits with an error, and reports whether it was the first call.
func (t *Turns) Close(because error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed != nil {
		return false
	}
	t.closed = because
	for key, waiting := range t.held {
		for _, turn := range waiting {
			close(turn)
		}
		t.held[key] = nil
	}
	return true
}
