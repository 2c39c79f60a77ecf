package testkit

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// Unknown returns err as the error of a create with an unknown outcome. It fails the test
// if err is not one, or is another error as well.
func Unknown(t testing.TB, err error) *growthgenius.OutcomeUnknownError {
	t.Helper()
	e, ok := errors.AsType[*growthgenius.OutcomeUnknownError](err)
	if !ok || !errors.Is(err, growthgenius.ErrOutcomeUnknown) {
		t.Fatalf("the outcome should be unknown: %v", err)
	}
	for _, other := range []error{
		growthgenius.ErrServer, growthgenius.ErrRateLimited, growthgenius.ErrNotFound, growthgenius.ErrDecode, growthgenius.ErrRedirected,
	} {
		if errors.Is(err, other) {
			t.Errorf("%v looks like %v", err, other)
		}
	}
	return e
}

var sentinels = []error{
	growthgenius.ErrInvalidInput, growthgenius.ErrBadRequest, growthgenius.ErrUnauthorized, growthgenius.ErrForbidden,
	growthgenius.ErrNotFound, growthgenius.ErrConflict, growthgenius.ErrValidation, growthgenius.ErrRateLimited,
	growthgenius.ErrServer, growthgenius.ErrPending, growthgenius.ErrRedirected, growthgenius.ErrDecode,
	growthgenius.ErrResponseTooLarge, growthgenius.ErrOutcomeUnknown, context.Canceled, context.DeadlineExceeded,
}

// OnlyIs fails the test unless err matches the sentinel want and no other. A nil want is
// for an error that matches none.
func OnlyIs(t testing.TB, err, want error) {
	t.Helper()
	for _, sentinel := range sentinels {
		if got := errors.Is(err, sentinel); got != (sentinel == want) {
			t.Errorf("errors.Is(%q, %q) is %v", err, sentinel, got)
		}
	}
}

// Endings are the two ways in which a context ends, after a second.
var Endings = map[error]func(context.Context) (context.Context, context.CancelFunc){
	context.Canceled: func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Second, cancel)
		return ctx, cancel
	},
	context.DeadlineExceeded: func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Second)
	},
}
