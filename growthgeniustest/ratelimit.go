package growthgeniustest

import (
	"net/http"
	"time"
)

// bucket is a token bucket. Its clock is time.Now, whatever WithClock sets.
type bucket struct {
	perSecond  float64
	burst      float64
	retryAfter time.Duration
	tokens     float64
	last       time.Time
}

// SetRateLimit limits the server to perSecond requests per second, with bursts of up to
// burst. It responds to other requests with 429 and a Retry-After header of retryAfter,
// rounded up to whole seconds; 0 means no header. These requests are recorded, but not
// carried out.
//
// The first limit starts with a full burst; a changed limit starts with what is left of
// the old burst. A perSecond of 0 removes the limit. The API reference of 2021-01-22
// documents no limit.
func (s *Server) SetRateLimit(perSecond float64, burst int, retryAfter time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if perSecond <= 0 {
		s.bucket = nil
		return
	}
	b := &bucket{
		perSecond: perSecond, burst: float64(burst), retryAfter: retryAfter,
		tokens: float64(burst), last: time.Now(),
	}
	if old := s.bucket; old != nil {
		old.fill(b.last)
		b.tokens = min(b.tokens, old.tokens)
	}
	s.bucket = b
}

// fill adds the tokens for the time since the last call.
func (b *bucket) fill(now time.Time) {
	b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.perSecond)
	b.last = now
}

// throttle returns the response to a request over the limit, and whether it is over it.
func (s *Server) throttle() (response, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bucket
	if b == nil {
		return response{}, false
	}
	b.fill(time.Now())
	if b.tokens >= 1 {
		b.tokens--
		return response{}, false
	}
	res := failure(http.StatusTooManyRequests, "rate limit exceeded")
	s.setRetryAfter(res.header, b.retryAfter, false)
	return res, true
}
