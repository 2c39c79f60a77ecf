package pace

import "time"

// Refusals decides what a Retry-After holds back if the rate is given, not learned. Requests
// that keep to a rate get single 429s too, since some arrive closer together than they were
// sent, or since other programs use the same key. A pause of all requests would cost far more
// than the one that was refused. The zero value has seen no response.
type Refusals struct{ score int }

const (
	refusalScore = 3  // so that 429s count that are more than one in four
	manyRefusals = 21 // or seven in a row
	// shortest is the shortest wait that the header can express.
	shortest = time.Second
)

// Pause returns how long all requests are to be held back after a response that asks to wait
// for so long, or 0. A 429 that asks for the shortest wait holds back only its own call, unless
// more than a quarter of the requests get one.
func (r *Refusals) Pause(status int, asked time.Duration) time.Duration {
	if status != tooManyRequests {
		r.score = max(0, r.score-1)
		if status == unavailable {
			return asked
		}
		return 0
	}
	r.score = min(r.score+refusalScore, manyRefusals)
	if asked <= shortest && r.score < manyRefusals {
		return 0
	}
	return asked
}
