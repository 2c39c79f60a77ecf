package pace

import (
	"math/bits"
	"time"
)

// refusals decides what a Retry-After holds back if the rate is set by the program, not
// learned. Requests that keep to a rate get single 429s too: some arrive closer together than
// they were sent, and other programs may use the same key. A pause of all requests would cost
// far more than the request that was refused. The zero value has seen no response.
type refusals struct {
	last uint64 // the last 64 responses: a 1 for each 429, the latest in the lowest bit
}

const (
	// mostRefused is how many 429s among them show that the rate is wrong: a third. A call with four
	// attempts fails once in a hundred times then.
	mostRefused = 64 / 3
	// refusedInARow is how many show it at once.
	refusedInARow = 7
	// shortWait is the shortest wait that APIs ask for: a Retry-After is a whole number of seconds.
	shortWait = time.Second
)

// pause notes a response, and returns how long all requests are to be held back after it, or 0.
// A 429 that asks to wait for up to a second holds back its own call only, unless too many
// requests are refused. A longer wait holds back all, as does a 503.
func (r *refusals) pause(status int, asked time.Duration) time.Duration {
	r.last <<= 1
	switch status {
	case tooManyRequests:
		r.last |= 1
		if asked <= shortWait && bits.OnesCount64(r.last) <= mostRefused && bits.TrailingZeros64(^r.last) < refusedInARow {
			return 0
		}
		return asked
	case unavailable:
		return asked
	default:
		return 0
	}
}
