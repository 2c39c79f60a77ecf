// Package errs holds the error values that more than one package of this module needs.
//
// It knows nothing of HTTP, JSON or the API. The root package re-exports the values that
// callers compare with.
package errs

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrInvalidInput means that an argument of a call is not valid.
	ErrInvalidInput = errors.New("invalid input")
	// ErrResponseTooLarge means that a response is over a bound, or would take many times
	// its size in memory.
	ErrResponseTooLarge = errors.New("response too large")
	// ErrPartialResults means that a list or a search is not complete.
	ErrPartialResults = errors.New("partial results")
	// ErrGoroutineEnded reports that a transport, limiter or logger ended its goroutine, as
	// a mock that calls t.FailNow does.
	ErrGoroutineEnded = errors.New("a transport, limiter or logger ended the goroutine")
)

// WithContext returns err, joined with the error of the caller's context if that has ended
// and err does not say so.
func WithContext(err, ctxErr error) error {
	if ctxErr == nil || errors.Is(err, ctxErr) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, ctxErr)
}

// IsContext reports whether err is one of the two errors that a context ends with.
func IsContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
