package engine

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Policy is how often and how patiently a call is retried. It has the fields of
// growthgenius.RetryPolicy, with the defaults filled in.
type Policy struct {
	MaxAttempts   int           // how many requests a call may send
	MinBackoff    time.Duration // the upper bound of the first wait; it doubles each time
	MaxBackoff    time.Duration // the upper bound of every wait
	MaxRetryAfter time.Duration // the longest Retry-After that is waited out
}

// backoff returns a random wait after request number n: between nothing and a bound that
// doubles each time. It is random so that clients that failed at the same time do not come
// back at the same time.
func (p Policy) backoff(n int) time.Duration {
	bound := p.MaxBackoff
	if shift := n - 1; shift < 32 && p.MinBackoff<<shift>>shift == p.MinBackoff {
		bound = min(bound, p.MinBackoff<<shift)
	}
	return rand.N(max(bound, bound+1)) //nolint:gosec // jitter needs no secrecy
}

// unsentFor is how long a call is tried at least whose requests do not leave: a server that
// restarts refuses connections for a moment, and nothing is lost by asking again.
const unsentFor = 2 * time.Second

// unsentBackoff lengthens the wait after request number n, which did not leave, so that the
// last attempt of the call begins unsentFor after its first, which was so long ago. The waits
// double, and none is longer than MaxBackoff.
func (p Policy) unsentBackoff(n int, ago, wait time.Duration) time.Duration {
	left := min(p.MaxAttempts-n, 32) // waits, this one included
	least := (unsentFor - ago) / (1<<left - 1)
	return wait + min(max(0, least), p.MaxBackoff-wait)
}

// Class is a class of requests: what may be sent again without harm.
type Class int

const (
	// ByMethod depends on the method: GET, HEAD, OPTIONS, PUT, PATCH and DELETE are Safe,
	// all others Unsent.
	ByMethod Class = iota
	// Safe requests may be repeated: reads, updates and deletes.
	Safe
	// Unsent requests may be repeated only if they were not carried out: creates.
	Unsent
)

// Of returns the class of a request with this method: Safe or Unsent.
func (c Class) Of(method string) Class {
	if c != ByMethod {
		return c
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions,
		http.MethodPut, http.MethodPatch, http.MethodDelete:
		return Safe
	default:
		return Unsent
	}
}

// replayable reports whether an attempt that ended like this may be followed by another.
func (c Class) replayable(a attempt) bool {
	if a.res != nil {
		if a.res.Status == http.StatusTooManyRequests {
			return true // assumed to mean "not processed"
		}
		return c.throttled(a.res) || c == Safe && (a.hollow || a.res.Status == http.StatusRequestTimeout || a.res.Status >= 500)
	}
	if isPermanent(a.err) {
		return false
	}
	return c == Safe || a.unsent
}

// throttled reports whether a response asks to send less: a 429, and to a request that may
// be repeated a 403 with a Retry-After, which some gateways send for a quota.
func (c Class) throttled(res *Response) bool {
	if res.Status == http.StatusForbidden && c == Safe {
		_, asked := res.RetryAfter(time.Now())
		return asked
	}
	return res.Status == http.StatusTooManyRequests
}

// ambiguous reports whether the request may have been carried out although nothing confirms
// it.
func (a attempt) ambiguous() bool {
	if a.res == nil {
		return a.err != nil && !a.unsent
	}
	s := a.res.Status
	return a.hollow || s == http.StatusRequestTimeout || s >= 500 || (300 <= s && s < 400) || s < 200
}

// isSlow reports whether the response took too long, by a clock of this machine or of a
// server.
func (a attempt) isSlow() bool {
	if a.res != nil {
		return IsSlow(nil, a.res.Status)
	}
	return IsSlow(a.err, 0)
}

// IsSlow reports whether a call that ended with this error, or this status, might have got
// a response in time if it had asked for less.
func IsSlow(err error, status int) bool {
	const originTimeout = 524 // of Cloudflare
	return isTimeout(err) || status == http.StatusRequestTimeout ||
		status == http.StatusGatewayTimeout || status == originTimeout
}

// verdict is what is to be done after an attempt.
type verdict struct {
	again bool
	asked bool          // the response asks for the wait
	wait  time.Duration // before it
	why   string        // why not again, if that does not follow from the attempt
}

// RetryAfter returns the wait that the Retry-After header asks for, and whether there is a
// valid one. It has seconds or a date. Against the standard, servers also send fractions of
// seconds, a time in RFC 3339, and a Unix time in seconds or milliseconds. A time is compared
// with the Date header of the response, so that the clocks need not agree, or with now. One
// that has passed is 0.
func (r *Response) RetryAfter(now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(r.Header.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	at, err := http.ParseTime(text)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		if strings.Trim(text, "0123456789.") != "" {
			return 0, false // ParseFloat would take "1e3" and "inf"
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, false
		}
		var isTime bool
		if at, isTime = unixTime(n); !isTime {
			return seconds(n), true
		}
	}
	if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now)), true
}

// seconds returns a number of seconds, or the longest duration if there are too many.
func seconds(n float64) time.Duration {
	const forever = time.Duration(math.MaxInt64)
	if n > float64(forever/time.Second) {
		return forever
	}
	return time.Duration(n * float64(time.Second))
}

// unixTime returns the time that a number of seconds or milliseconds since 1970 means, and
// whether it is one: between 1985 and 2096. As a wait it would be 15 years or more.
func unixTime(n float64) (time.Time, bool) {
	const earliest, latest = 500_000_000, 4_000_000_000
	switch {
	case earliest <= n && n <= latest:
		n *= 1000
	case earliest*1000 <= n && n <= latest*1000:
	default:
		return time.Time{}, false
	}
	return time.UnixMilli(int64(n)), true
}
