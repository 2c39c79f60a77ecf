package errs_test

import (
	"context"
	"errors"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/errs"
)

func TestWithContext(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection reset")
	if got := errs.WithContext(lost, nil); got != lost {
		t.Errorf("without a context error: %v", got)
	}
	got := errs.WithContext(lost, context.Canceled)
	if got.Error() != "connection reset (context canceled)" {
		t.Errorf("the text is %q", got)
	}
	if !errors.Is(got, lost) || !errors.Is(got, context.Canceled) || errors.Is(got, context.DeadlineExceeded) {
		t.Errorf("%v does not match the error and the context's, or matches more", got)
	}
	if again := errs.WithContext(got, context.Canceled); again != got {
		t.Errorf("the context's error is there already, and comes twice: %v", again)
	}
}

func TestIsContext(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		context.Canceled: true, context.DeadlineExceeded: true,
		errs.WithContext(errors.New("x"), context.Canceled): true,
		errs.ErrGoroutineEnded:                              false,
	} {
		if errs.IsContext(err) != want {
			t.Errorf("IsContext(%v) is %t", err, !want)
		}
	}
}
