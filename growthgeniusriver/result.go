package growthgeniusriver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
)

const (
	// longestWait bounds what a response can ask for, so that a mistaken header does not stop a
	// queue for years. A longer wait is asked for again after that.
	longestWait = 24 * time.Hour
	// settleWait is how long a list gets to show a record before its create is resolved again.
	settleWait = 10 * time.Second
	// settleSnoozes is how many snoozes a job may have had before that counts as an attempt.
	settleSnoozes = 3
)

// Result returns what the Work method of a worker should return for an error of the SDK. A
// worker of a client that [Configure] has set up may return err itself.
//
//   - The API asks to wait ([growthgenius.APIError].RetryAfter) with status 429, 503, 403 or
//     202: a snooze for that long, plus a random part of up to a tenth and 5 seconds. It does
//     not count as an attempt. A Retry-After with any other status is ignored.
//   - The job can never succeed: a cancellation. That is for invalid input, 4xx except those
//     below, a redirect to another record, [growthgenius.ErrMultipleMatches],
//     [growthgenius.ErrChangedSince], [growthgenius.ErrKeyReused],
//     [growthgenius.ErrKeyDeleted], [growthgenius.ErrNotCached],
//     [growthgenius.ErrResponseTooLarge], [*growthgenius.PartialResultsError],
//     [bulk.ErrBudgetSpent] and [bulk.ErrOtherInput].
//   - The outcome of a create is not known, and the same call may be made again, as with
//     [Once]: a snooze of 10 seconds, or as long as the API asks to wait
//     ([growthgenius.OutcomeUnknownError].RetryAfter). If the API does not ask to wait, and the
//     job has been snoozed three times for any reason, err itself.
//   - The outcome of any other create is not known: a cancellation, since the next attempt could
//     create a second record. The error does not match [context.Canceled]: River would run the
//     job again.
//   - Anything else: err itself. River retries it by its policy. That is for 5xx, for errors of
//     the network, and for what a person can fix while the job waits: 401, 402, 403, 407 and
//     a 404 that is not the API's own. [context.Canceled] is among it: if the client of River
//     is stopping, that does not count as an attempt. Joined to another error, it hides none of
//     the above.
//
// An error of [river.JobCancel] or [river.JobSnooze] is returned as it is. All errors that
// Result returns wrap err, with the exception above.
func Result(job *rivertype.JobRow, err error) error {
	unknown, isUnknown := outcome(err)
	switch {
	case err == nil, isDecided(err):
		return err
	case isUnknown && !unknown.Repeatable():
		return river.JobCancel(&unresolved{unknown, err.Error()})
	}
	wait := asked(err)
	if isUnknown && (wait > 0 || snoozes(job) < settleSnoozes && !errors.Is(err, context.Canceled)) {
		wait = max(wait, settleWait)
	}
	switch {
	case wait > 0:
		return snooze(err, wait)
	case !isUnknown && isFinal(err):
		return river.JobCancel(err)
	default:
		return err
	}
}

// isDecided reports whether an error already says what River should do.
func isDecided(err error) bool {
	_, cancels := errors.AsType[*rivertype.JobCancelError](err)
	_, waits := errors.AsType[*rivertype.JobSnoozeError](err)
	return cancels || waits
}

// snooze returns an error that snoozes the job. Jobs that began to wait at once do not end at
// once.
func snooze(err error, wait time.Duration) error {
	wait += rand.N(min(wait/10, 5*time.Second) + 1) //nolint:gosec // it is no secret
	return fmt.Errorf("%w: %w", err, river.JobSnooze(wait))
}

// snoozes returns how often River has snoozed a job.
func snoozes(job *rivertype.JobRow) int {
	var metadata struct {
		Snoozes int `json:"snoozes"`
	}
	_ = json.Unmarshal(job.Metadata, &metadata) // River wrote it
	return metadata.Snoozes
}

// unresolved is a create whose outcome is not known, without the error of the context.
type unresolved struct {
	unknown *growthgenius.OutcomeUnknownError
	text    string
}

func (e *unresolved) Error() string { return e.text }

func (e *unresolved) Unwrap() error { return growthgenius.ErrOutcomeUnknown }

// As has errors.As find the error with the token.
func (e *unresolved) As(target any) bool {
	unknown, ok := target.(**growthgenius.OutcomeUnknownError)
	if ok {
		*unknown = e.unknown
	}
	return ok
}

// outcome returns the error of a create whose outcome is not known: of several, one that may
// not be repeated.
func outcome(err error) (unknown *growthgenius.OutcomeUnknownError, ok bool) {
	for e := range all[*growthgenius.OutcomeUnknownError](err) {
		if unknown, ok = e, true; !e.Repeatable() {
			break
		}
	}
	return unknown, ok
}

// asked returns how long the API asks to wait, or 0 if it does not. Other statuses than these
// count as an attempt, also if a gateway adds a Retry-After to each response.
func asked(err error) time.Duration {
	longest := askedOfAccount(err)
	for api := range all[*growthgenius.APIError](err) {
		if api.StatusCode == http.StatusAccepted {
			longest = max(longest, api.RetryAfter)
		}
	}
	return min(longest, longestWait)
}

// askedOfAccount returns how long the API asks the whole account to wait, or 0 if it does not.
func askedOfAccount(err error) time.Duration {
	var longest time.Duration
	for api := range all[*growthgenius.APIError](err) {
		switch api.StatusCode {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusForbidden:
			longest = max(longest, api.RetryAfter)
		}
	}
	for unknown := range all[*growthgenius.OutcomeUnknownError](err) {
		longest = max(longest, unknown.RetryAfter())
	}
	return min(longest, longestWait)
}

// isFinal reports whether a job that failed with an error can never succeed.
func isFinal(err error) bool {
	for _, target := range []error{
		growthgenius.ErrInvalidInput, growthgenius.ErrMultipleMatches, growthgenius.ErrChangedSince,
		growthgenius.ErrKeyReused, growthgenius.ErrKeyDeleted, growthgenius.ErrNotCached,
		growthgenius.ErrResponseTooLarge, bulk.ErrBudgetSpent, bulk.ErrOtherInput,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	for api := range all[*growthgenius.APIError](err) {
		if isFinalStatus(api) {
			return true
		}
	}
	decode, ok := errors.AsType[*growthgenius.DecodeError](err)
	_, partial := errors.AsType[*growthgenius.PartialResultsError](err)
	return partial || ok && decode.OtherID != "" // the record was merged into another one
}

// isFinalStatus reports whether the same request will always get the response.
func isFinalStatus(e *growthgenius.APIError) bool {
	switch e.StatusCode {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusProxyAuthRequired:
		return false // a person can fix it
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	case http.StatusNotFound:
		return e.RecordNotFound() // any other may be a gateway's
	default:
		return 400 <= e.StatusCode && e.StatusCode < 500
	}
}
