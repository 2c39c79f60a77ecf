// Package lookup makes one call for all callers that ask the same question at a time, and
// stores its result in a cache.
//
// It knows nothing of HTTP, of the API, or of what is asked for: how to make the call, and
// how its result becomes a value of the cache and back, are functions of the [Question].
package lookup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// cacheTimeout bounds a Get or a Set of the cache.
const cacheTimeout = 2 * time.Second

var (
	errEnded    = errors.New("the lookup ended without a response")
	errUnusable = errors.New("a value in it cannot be used")
)

// Cache stores values. Any number of goroutines may use it at once. It may fail, hang or
// panic: the lookup is then made without it.
type Cache interface {
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

// Question is what a caller asks for, and how to find the result, which is a T. Several
// callers share a T: they must not change what it refers to.
type Question[T any] struct {
	// Key is the key in the cache. Questions with the same key have the same result.
	Key string
	// Fresh is whether a stored result must not be used. The new result is stored.
	Fresh bool
	// Name is for the log, which must not show keys.
	Name string
	// Tell is called with one of the constants below; nil for none.
	Tell func(ctx context.Context, how string)
	// Ask makes the call. Its context is that of the first caller, but for its end: it ends
	// when no caller waits any more. A call that fails has a result too.
	Ask func(ctx context.Context) T
	// Keep returns the value to store for a result; ok is false if it must not be stored.
	Keep func(ctx context.Context, result T) (value Value, ok bool)
	// Recall returns the result that a stored value stands for, or an error if the value
	// cannot be used. It must not trust the value.
	Recall func(ctx context.Context, value Value) (T, error)
}

// How a result is found.
const (
	Sent   = "sent"   // in a call that the caller begins
	Cached = "cached" // in the cache
	Joined = "shared" // in a call that another caller has begun
)

// tell reports how the result is found.
func (q Question[T]) tell(ctx context.Context, how string) {
	if q.Tell != nil {
		q.Tell(ctx, how)
	}
}

// Shared makes calls that callers share. It is safe for concurrent use.
type Shared[T any] struct {
	cache  Cache
	ttl    TTL
	failed func(context.Context, Question[T], error)

	mu    sync.Mutex // guards calls, and the fields of each call that say so
	calls map[callKey]*call[T]
}

// TTL is how long results are stored.
type TTL struct{ Found, NotFound time.Duration }

// of returns how long a value is stored.
func (t TTL) of(v Value) time.Duration {
	if v.Found {
		return t.Found
	}
	return t.NotFound
}

// callKey tells calls apart. A fresh call is shared with other fresh ones only: a call that
// is not may be about to return what is stored.
type callKey struct {
	key   string
	fresh bool
}

// New returns a Shared that stores results in cache for ttl. failed is told when the cache
// fails, or has a value that cannot be used.
func New[T any](
	cache Cache, ttl TTL, failed func(context.Context, Question[T], error),
) *Shared[T] {
	return &Shared[T]{cache: cache, ttl: ttl, failed: failed, calls: map[callKey]*call[T]{}}
}

// call is one call, shared by all callers that ask for the same key while it runs. It is
// canceled when no caller waits any more.
type call[T any] struct {
	callers int  // how many wait; guarded by Shared.mu
	known   bool // the result is final: a caller may still take it; guarded by Shared.mu
	cancel  context.CancelFunc
	done    chan struct{}

	// Written before known is set or done is closed, and only read after it.
	result   T
	ended    bool // result is there
	panicked any  // the value of a panic, which each caller gets, as without sharing
}

// Do returns the result of a question: from the cache, from a call that other callers have
// begun, or from a call of its own. The error is that of ctx if it ends before the result
// is known, or says that the call ended its goroutine. If the call panics, so does Do.
//
// A result is stored before any caller has it, so that a program that ends with the result
// in hand need not ask again.
func (s *Shared[T]) Do(ctx context.Context, q Question[T]) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	c, shares := s.join(ctx, q)
	if shares {
		q.tell(ctx, Joined)
	}
	select {
	case <-c.done:
		if c.panicked != nil {
			panic(c.panicked)
		}
	case <-ctx.Done():
		if !s.leave(callKey{q.Key, q.Fresh}, c) {
			return none, ctx.Err()
		}
	}
	if !c.ended {
		return none, errEnded
	}
	return c.result, nil
}

// join adds a caller to the call for the key of q, which it begins if there is none. It reports
// whether there was one.
func (s *Shared[T]) join(ctx context.Context, q Question[T]) (joined *call[T], shares bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := callKey{q.Key, q.Fresh}
	c, shares := s.calls[key]
	if !shares {
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		c = &call[T]{cancel: cancel, done: make(chan struct{})}
		s.calls[key] = c
		go func() {
			defer cancel()
			defer s.end(key, c)
			defer func() { c.panicked = recover() }()
			s.run(shared, c, q)
		}()
	}
	c.callers++
	return c, shares
}

// leave removes a caller whose context has ended. It reports whether the result is known
// nevertheless.
func (s *Shared[T]) leave(key callKey, c *call[T]) (known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.callers--
	if c.callers == 0 && !c.known {
		c.cancel()
		delete(s.calls, key)
	}
	return c.known
}

// end hands the result of a call to its callers.
func (s *Shared[T]) end(key callKey, c *call[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[key] == c { // and not one that began after all callers had left
		delete(s.calls, key)
	}
	c.known = true
	close(c.done)
}

// run finds the result of a call, and stores it.
func (s *Shared[T]) run(ctx context.Context, c *call[T], q Question[T]) {
	if !q.Fresh {
		if c.result, c.ended = s.recall(ctx, q); c.ended {
			return
		}
	}
	q.tell(ctx, Sent)
	c.result = q.Ask(ctx)
	c.ended = true
	value, ok := q.Keep(ctx, c.result)
	if !ok {
		return
	}
	s.mu.Lock()
	c.known = true
	s.mu.Unlock()
	ctx = context.WithoutCancel(ctx) // it is stored even if no caller waits any more
	_, err := shielded(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.cache.Set(ctx, q.Key, formatValue(value), s.ttl.of(value))
	})
	s.report(ctx, q, err)
}

// recall returns the result that is stored for a question, if there is one.
func (s *Shared[T]) recall(ctx context.Context, q Question[T]) (result T, ok bool) {
	result, ok, err := s.Stored(ctx, q)
	s.report(ctx, q, err)
	return result, ok
}

// Stored returns the result that is stored for a question. ok is false if there is none that
// can be used. The error is that of the cache, or of ctx.
func (s *Shared[T]) Stored(ctx context.Context, q Question[T]) (result T, ok bool, err error) {
	stored, err := shielded(ctx, func(ctx context.Context) ([]byte, error) {
		stored, ok, err := s.cache.Get(ctx, q.Key)
		if !ok {
			stored = nil
		}
		return stored, err
	})
	if err != nil || stored == nil {
		return result, false, err
	}
	value, at, ok := parseValue(stored)
	if age := time.Since(at); ok && (age >= s.ttl.of(value) || age < -clockSkew) {
		return result, false, nil
	}
	if ok {
		if result, err = q.Recall(ctx, value); err == nil {
			q.tell(ctx, Cached)
			return result, true, nil
		}
	}
	s.report(ctx, q, errUnusable)
	return *new(T), false, nil
}

// report passes on that the cache failed, unless the call was canceled: what fails then is
// no failure of the cache.
func (s *Shared[T]) report(ctx context.Context, q Question[T], err error) {
	if err != nil && ctx.Err() == nil {
		s.failed(ctx, q, err)
	}
}

// shielded calls the program's cache, which may fail, hang, panic or end its goroutine
// without harm. In the goroutine of a call, no caller could recover from a panic.
func shielded[R any](ctx context.Context, f func(context.Context) (R, error)) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, cacheTimeout)
	defer cancel()
	type outcome struct {
		result R
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		o := outcome{err: errors.New("it ended its goroutine")}
		defer func() {
			if p := recover(); p != nil {
				o.err = fmt.Errorf("it panicked: %v", p)
			}
			done <- o
		}()
		o.result, o.err = f(ctx)
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
		return *new(R), ctx.Err()
	}
}
