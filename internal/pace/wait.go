package pace

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/errs"
)

// Sleep waits for d, or until the context ends, and then returns the context's error.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// sleep is Sleep, except that it does not wait at all if the context's deadline comes first.
func sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return fmt.Errorf("the wait of %s would pass the context's deadline (%w)",
			d.Round(time.Millisecond), context.DeadlineExceeded)
	}
	return Sleep(ctx, d)
}

// refusal is the error of a rate.Limiter for a wait that would pass the deadline.
const refusal = "would exceed context deadline"

// errTooLong is the same in the words of this package.
var errTooLong = fmt.Errorf("the wait would pass the context's deadline (%w)", context.DeadlineExceeded)

// waitError makes the error of a wait that the context ended match the context's error.
//
// A rate.Limiter, and one wrapped in another limiter, refuses at once to wait past a
// deadline, with an error of its own: it is recognized by its text.
func waitError(ctx context.Context, err error) error {
	ctxErr := ctx.Err()
	if _, deadline := ctx.Deadline(); ctxErr == nil && deadline && strings.Contains(err.Error(), refusal) {
		if err.Error() == "rate: Wait(n=1) "+refusal {
			return errTooLong
		}
		ctxErr = context.DeadlineExceeded
	}
	return errs.WithContext(err, ctxErr)
}
