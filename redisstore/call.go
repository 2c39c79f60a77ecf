package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// maxCalls bounds the calls to Redis that are under way, also those that no caller waits for
// any more.
const maxCalls = 256

var errTimeout = errors.New("the timeout has passed")

// do calls f, which sends commands to Redis. It returns when f does, when ctx ends, or when
// the timeout has passed. A client can take longer than its context allows, so f has a
// goroutine of its own. If all calls that may be under way are such late ones, do returns an
// error at once.
func do[T any](ctx context.Context, s *Store, f func(ctx context.Context) (T, error)) (T, error) {
	var none T
	bounded, cancel := context.WithTimeoutCause(ctx, s.timeout, errTimeout)
	defer cancel()
	if late := s.late.Load(); late >= maxCalls {
		return none, fmt.Errorf("no response from Redis: %d calls to it are under way", late)
	}
	select {
	case s.slots <- struct{}{}:
	case <-bounded.Done():
		return none, s.ended(bounded)
	}
	type outcome struct {
		value T
		err   error
	}
	var settled atomic.Bool // f has returned, or its caller has
	done := make(chan outcome, 1)
	go func() {
		value, err := f(bounded)
		if !settled.CompareAndSwap(false, true) {
			s.late.Add(-1)
		}
		<-s.slots
		done <- outcome{value, err}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-bounded.Done():
		s.late.Add(1)
		if settled.CompareAndSwap(false, true) {
			return none, s.ended(bounded)
		}
		s.late.Add(-1)
		o = <-done
	}
	if o.err != nil && bounded.Err() != nil {
		return none, s.ended(bounded)
	}
	return o.value, o.err
}

// ended returns the error of a call whose context has ended.
func (s *Store) ended(ctx context.Context) error {
	if !errors.Is(context.Cause(ctx), errTimeout) {
		return ctx.Err() //nolint:wrapcheck // the caller's own
	}
	return fmt.Errorf("no connection to Redis, or no response from it, within %v", s.timeout)
}

// run runs a script. All keys must be in one hash slot.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (any, error) {
	return do(ctx, s, func(ctx context.Context) (any, error) { return script.Run(ctx, s.client, keys, args...).Result() })
}
