package growthgeniustest

import (
	"errors"
	"time"
)

// started is when the program began. It is never in a bubble.
var started = time.Now()

// inBubble reports whether the caller is in a [testing/synctest] bubble. There is no function
// that tells. But the clock of a bubble starts on 2000-01-01, years before the program began.
func inBubble() bool {
	const year = 365 * 24 * time.Hour
	return time.Now().Round(0).Before(started.Round(0).Add(-year)) // without the monotonic clocks, which differ
}

var (
	errRealNetwork = errors.New("in a synctest bubble a server needs WithInMemoryNetwork: " +
		"the bubble's clock does not advance while a real connection is waited for, so the test would hang")
	errOtherBubble = errors.New("the server was started outside the synctest bubble in which it is used: " +
		"the bubble's clock does not advance while it is waited for, so the test would hang")
)

// checkBubble returns an error if the caller is in a bubble in which the server cannot be
// used.
func (s *Server) checkBubble() error {
	switch {
	case !inBubble():
		return nil
	case !s.cfg.inMemory:
		return errRealNetwork
	case !s.bubble:
		return errOtherBubble
	default:
		return nil
	}
}
