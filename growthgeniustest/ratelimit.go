package growthgeniustest

import (
	"net/http"
	"time"
)

// bucket is a token bucket on the machine's clock.
type bucket struct {
	perSecond  float64
	burst      float64
	retryAfter time.Duration
	tokens     float64
	last       time.Time
}

// SetRateLimit makes the server take perSecond requests a second and bursts of burst, and answer 429 to the others,
// with a Retry-After header of retryAfter rounded up to whole seconds (0: without one). Such requests are recorded and
// not carried out. The first limit starts with its burst unused, a changed one with what is left of it. A perSecond of
// 0 lifts the limit. The API reference of 2021-01-22 documents none.
func (s *Server) SetRateLimit(perSecond float64, burst int, retryAfter time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if perSecond <= 0 {
		s.bucket = nil
		return
	}
	b := &bucket{perSecond: perSecond, burst: float64(burst), retryAfter: retryAfter, tokens: float64(burst), last: time.Now()}
	if old := s.bucket; old != nil {
		old.fill(b.last)
		b.tokens = min(b.tokens, old.tokens)
	}
	s.bucket = b
}

// fill adds what the time since last has earned.
func (b *bucket) fill(now time.Time) {
	b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.perSecond)
	b.last = now
}

// throttle answers a request over the limit.
func (s *Server) throttle() (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bucket
	if b == nil {
		return answer{}, false
	}
	b.fill(time.Now())
	if b.tokens >= 1 {
		b.tokens--
		return answer{}, false
	}
	a := failure(http.StatusTooManyRequests, "rate limit exceeded")
	s.retryAfter(a.header, b.retryAfter, false)
	return a, true
}
