package growthgenius

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// RetryPolicy says how often and how patiently a call is tried again. A zero field means
// its default.
type RetryPolicy struct {
	MaxAttempts   int           // How many requests a call may send; 1 means no retry. Default 4.
	MinBackoff    time.Duration // The upper bound of the first wait; it doubles each time. Default 250ms.
	MaxBackoff    time.Duration // The upper bound of every wait. Default 8s.
	MaxRetryAfter time.Duration // The longest Retry-After that is waited out. Default 1 minute.
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.MaxAttempts == 0 {
		p.MaxAttempts = 4
	}
	if p.MinBackoff == 0 {
		p.MinBackoff = 250 * time.Millisecond
	}
	if p.MaxBackoff == 0 {
		p.MaxBackoff = max(8*time.Second, p.MinBackoff)
	}
	if p.MaxRetryAfter == 0 {
		p.MaxRetryAfter = time.Minute
	}
	return p
}

func (p RetryPolicy) check() error {
	if p.MaxAttempts < 0 || p.MinBackoff < 0 || p.MaxBackoff < 0 || p.MaxRetryAfter < 0 {
		return fmt.Errorf("WithRetry(%+v): no field may be negative", p)
	}
	if p.MaxBackoff != 0 && p.MaxBackoff < p.MinBackoff {
		return fmt.Errorf("WithRetry: MaxBackoff (%s) is less than MinBackoff (%s)", p.MaxBackoff, p.MinBackoff)
	}
	return nil
}

// backoff is a random wait between nothing and a bound that doubles with each attempt, so
// that clients that failed together do not come back together.
func (p RetryPolicy) backoff(attempt int) time.Duration {
	bound := p.MaxBackoff
	if shift := attempt - 1; shift < 32 && p.MinBackoff<<shift>>shift == p.MinBackoff {
		bound = min(bound, p.MinBackoff<<shift)
	}
	return rand.N(max(bound, bound+1)) //nolint:gosec // jitter needs no secrecy
}

// replayClass says what may be sent again without harm.
type replayClass int

const (
	// replayByMethod is what the method says: GET, HEAD, OPTIONS, PUT, PATCH and DELETE
	// may be repeated, POST may not.
	replayByMethod replayClass = iota
	// replaySafe may be repeated: reads, updates and deletes.
	replaySafe
	// replayUnsent may be repeated only if it was not carried out: creates.
	replayUnsent
)

func (c replayClass) of(method string) replayClass {
	if c != replayByMethod {
		return c
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return replaySafe
	default:
		return replayUnsent
	}
}

// replayable reports whether an attempt that ended like this may be followed by another.
func (c replayClass) replayable(a attempt) bool {
	if a.res != nil {
		if a.res.status == http.StatusTooManyRequests {
			return true // "not processed", as we read it
		}
		return c == replaySafe && (a.res.status == http.StatusRequestTimeout || a.res.status >= 500)
	}
	if isPermanent(a.err) {
		return false
	}
	return c == replaySafe || a.unsent
}

// ambiguous reports whether the attempt may have been carried out although nothing says so.
func (c replayClass) ambiguous(a attempt) bool {
	if a.res == nil {
		return a.err != nil && !a.unsent
	}
	s := a.res.status
	return s == http.StatusRequestTimeout || s >= 500 || (300 <= s && s < 400)
}

// isSlow reports whether the answer took too long, by a clock of ours or of a server.
func (a attempt) isSlow() bool {
	return (a.res != nil && slowStatus(a.res.status)) || isTimeout(a.err)
}

func slowStatus(status int) bool {
	const originTimeout = 524 // of Cloudflare's
	return status == http.StatusRequestTimeout || status == http.StatusGatewayTimeout || status == originTimeout
}

func isTimeout(err error) bool {
	_, ok := errors.AsType[timeoutError](err)
	return ok
}

// isPermanent reports whether trying again cannot help.
func isPermanent(err error) bool {
	if errors.Is(err, ErrResponseTooLarge) {
		return true
	}
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}

// verdict is what is to be done after an attempt.
type verdict struct {
	again bool
	wait  time.Duration
	why   string // why not again, where that is not plain from the attempt
}

// judge decides whether to try again after attempt number n.
func (s *sender) judge(n int) verdict {
	switch {
	case s.Err() != nil || !s.class.replayable(s.last):
		return verdict{}
	case s.noRetry || n >= s.core.retry.MaxAttempts, s.splits && s.last.isSlow():
		return verdict{}
	}
	policy := s.core.retry
	wait := policy.backoff(n)
	if s.last.res != nil {
		if asked, ok := retryAfter(s.last.res.header, time.Now()); ok {
			if asked > policy.MaxRetryAfter {
				return verdict{why: fmt.Sprintf("not tried again: the API asks to wait %s, MaxRetryAfter is %s", asked, policy.MaxRetryAfter)}
			}
			wait = asked
		}
	}
	if deadline, ok := s.Deadline(); ok && time.Until(deadline) < wait {
		return verdict{why: fmt.Sprintf("not tried again: the wait of %s would pass the context's deadline", wait.Round(time.Millisecond))}
	}
	throttled := s.last.res != nil && s.last.res.status == http.StatusTooManyRequests
	if !throttled && !s.core.budget.Take(&s.spent) {
		return verdict{why: "not tried again: too many calls of this client are failing (retry budget)"}
	}
	return verdict{again: true, wait: wait}
}

// retryAfter reads the Retry-After header: seconds, or a date, which is compared with the
// answer's own Date so that the clocks need not agree. A date that has passed is 0.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := h.Get("Retry-After")
	if text == "" {
		return 0, false
	}
	const forever = time.Duration(1<<63 - 1)
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil {
		if seconds > uint64(forever/time.Second) {
			return forever, true
		}
		return time.Duration(seconds) * time.Second, true
	} else if errors.Is(err, strconv.ErrRange) {
		return forever, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now)), true
}
