package growthgeniustest

import (
	"fmt"
	"net/http"
	"time"
)

// Effect is what a [Fault] does to the response to a request.
type Effect int

const (
	// Respond is the zero Effect. It sends a response with the fault's Status or, if
	// Status is 0, the genuine response, delayed by Delay and Drip.
	Respond Effect = iota
	// Refuse refuses the connection, so that nothing is sent. A server cannot refuse
	// single connections, so [Server.Transport] fails the dial instead. There, Refuse takes
	// precedence over faults with a Probability. For other clients, the server resets the
	// connection before it reads the request.
	Refuse
	// Reset resets the connection without a response: before the body is read or, with
	// Commit, after the request was carried out.
	Reset
	// Hang sends no response until the client gives up or the server closes.
	Hang
	// Truncate carries the request out and sends the genuine response with its full
	// Content-Length, but closes the connection after half of the body.
	Truncate
	// HTMLPage sends an HTML page with status 200, as a proxy may do. The request is
	// carried out only with Commit.
	HTMLPage
	// WrongRecord carries the request out, and responds to a create, get or update of a
	// contact or message with another record of that resource. Other responses stay
	// genuine.
	WrongRecord
	// EmptyBody sends the fault's Status, or 200, without a body, as a proxy may do. The
	// request is carried out only with Commit.
	EmptyBody
	// EndlessBody sends the fault's Status, or 200, and a body that ends only when the client
	// gives up. The request is carried out only with Commit.
	EndlessBody
)

var effectNames = map[Effect]string{
	Respond: "Respond", Refuse: "Refuse", Reset: "Reset", Hang: "Hang",
	Truncate: "Truncate", HTMLPage: "HTMLPage", WrongRecord: "WrongRecord",
	EmptyBody: "EmptyBody", EndlessBody: "EndlessBody",
}

// String returns the name of the constant.
func (e Effect) String() string {
	if name, ok := effectNames[e]; ok {
		return name
	}
	return fmt.Sprintf("Effect(%d)", int(e))
}

// Fault describes how the server misbehaves, and for which requests. The first injected
// fault that matches a request is applied to it. See [Server.Inject].
//
//	// One POST fails with 503.
//	growthgeniustest.Fault{Method: "POST", Status: 503, Times: 1}
//	// Each POST is carried out, and its response is lost.
//	growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true}
//	// A gateway that does not know the company lookup responds instead of the API.
//	growthgeniustest.Fault{Route: growthgeniustest.RouteCompany, Status: 404, Body: "404 page not found"}
//	// One request in ten is throttled.
//	growthgeniustest.Fault{Status: 429, RetryAfter: time.Second, Probability: 0.1}
type Fault struct {
	// Which requests are affected.

	Method      string  // of the request; "" means any
	Route       string  // a template such as RouteContact; "" means any
	Skip        int     // how many matching requests to leave alone first
	Times       int     // how many requests to affect; 0 means until ClearFaults
	Probability float64 // of affecting a matching request, see WithSeed; 0 means always

	// What happens to them.

	// Effect is what the server does.
	Effect Effect
	// Status is the status to send, with Effect Respond, EmptyBody or EndlessBody. 0 means the
	// genuine response or, with the latter two, 200. With Effect Respond, 206 without a Body
	// means the genuine response too, except for its status.
	Status int
	// Beside are members to add to the JSON object of the genuine response, such as
	// `"has_more":true`.
	Beside string
	// Header is added to the response.
	Header http.Header
	// Body is the body to send with Status. "" means {"error": "<status text>"}.
	Body string
	// Charset is the charset of the body, such as "ISO-8859-1", and named in the
	// Content-Type header. Question marks stand for characters that it does not have. ""
	// means UTF-8. If Header has another Content-Type, the body is not what that says.
	Charset string
	// RetryAfter is sent with Status as a Retry-After header, rounded up to whole
	// seconds. 0 means no such header.
	RetryAfter time.Duration
	// RetryAsDate sends RetryAfter, even if it is 0, as an HTTP date on the server's
	// clock.
	RetryAsDate bool
	// Delay is how long to wait before responding, resetting or hanging.
	Delay time.Duration
	// Drip sends the body byte by byte, with this pause before each. 0 means at once.
	Drip time.Duration

	// Commit carries the request out although its response is lost or replaced.
	Commit bool
	// CommitDelay, with Commit, is how long after the effect the request is carried out.
	CommitDelay time.Duration
}

// commits reports whether the request is carried out before the response.
func (f *Fault) commits() bool {
	return f.Commit && f.CommitDelay == 0 || f.genuine()
}

// genuine reports whether the fault needs the genuine response.
func (f *Fault) genuine() bool {
	return f.Effect == Truncate || f.Effect == WrongRecord ||
		f.Effect == Respond && (f.Status == 0 || f.Status == http.StatusPartialContent && f.Body == "")
}

// injected is a fault and how often it has left a request alone or affected one.
type injected struct {
	Fault
	skipped, applied int
}

// matches reports whether the fault matches a request and is not used up.
func (f *injected) matches(method, route string) bool {
	return (f.Method == "" || f.Method == method) &&
		(f.Route == "" || f.Route == route) &&
		(f.Times <= 0 || f.applied < f.Times)
}

// isCertain reports whether the fault is certain to be applied to a request.
func (f *injected) isCertain(method, route string) bool {
	return f.matches(method, route) && f.skipped >= f.Skip && f.Probability <= 0
}

// take reports whether to apply the fault to a request, and counts the request.
func (f *injected) take(method, route string, draw func() float64) bool {
	if !f.matches(method, route) {
		return false
	}
	if f.skipped < f.Skip {
		f.skipped++
		return false
	}
	if f.Probability > 0 && draw() >= f.Probability {
		return false
	}
	f.applied++
	return true
}

// Inject adds faults to those that are injected already. See [Fault] for which of them is
// applied to a request. It panics if a Charset is not known.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		f.checkCharset()
		f.Header = f.Header.Clone()
		s.faults = append(s.faults, &injected{Fault: f})
	}
}

// ClearFaults removes all faults. Requests that hang already keep hanging.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// pick returns the fault to apply to a request, or nil. If refusals is false it ignores
// Refuse faults: Transport has already applied them.
func (s *Server) pick(method, route string, refusals bool) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if (refusals || f.Effect != Refuse) && f.take(method, route, s.rng.Float64) {
			taken := f.Fault
			return &taken
		}
	}
	return nil
}

// refuse reports whether Transport must refuse a request. The server draws its own faults
// later, so one that precedes a refusal is only given precedence if it is certain.
func (s *Server) refuse(method, route string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		switch {
		case f.Effect == Refuse && f.take(method, route, s.rng.Float64):
			return true
		case f.Effect != Refuse && f.isCertain(method, route):
			return false
		}
	}
	return false
}

// FaultMix returns faults that together affect the share rate of all requests. The rate
// is between 0 and 1. These kinds of faults are equally frequent:
//
//   - the connection is refused
//   - the connection is reset before the request is read
//   - the request is carried out, then the connection is reset
//   - the request is carried out, then the response is 500, 502, 503 or 504 (four kinds)
//   - the response is 500, and the request is not carried out
//   - the response is 429, with a Retry-After in seconds or as a date (two kinds)
//   - the request is carried out, then there is no response
//   - the request is carried out, then its response is cut short
//   - the request is carried out, then the response is an HTML page with status 200
//
// The Retry-After is retryAfter. Connections are refused only for clients that use
// [Server.Transport].
//
// The faults are plain values: the caller may set their Method, Route or CommitDelay
// before injecting them. Inject all of them, in the given order: their probabilities
// depend on it.
func FaultMix(rate float64, retryAfter time.Duration) []Fault {
	inSeconds := Fault{Status: http.StatusTooManyRequests, RetryAfter: retryAfter}
	if retryAfter <= 0 {
		inSeconds.Header = http.Header{"Retry-After": {"0"}}
	}
	mix := []Fault{
		{Effect: Refuse},
		{Effect: Reset},
		{Effect: Reset, Commit: true},
		{Status: http.StatusInternalServerError, Commit: true},
		{Status: http.StatusBadGateway, Commit: true},
		{Status: http.StatusServiceUnavailable, Commit: true},
		{Status: http.StatusGatewayTimeout, Commit: true},
		{Status: http.StatusInternalServerError},
		inSeconds,
		{Status: http.StatusTooManyRequests, RetryAfter: max(0, retryAfter), RetryAsDate: true},
		{Effect: Hang, Commit: true},
		{Effect: Truncate, Commit: true},
		{Effect: HTMLPage, Commit: true},
	}
	if rate <= 0 {
		return nil
	}
	// A fault is drawn only if none before it was, so its probability is its share of
	// what they leave.
	share := min(rate, 1) / float64(len(mix))
	for i := range mix {
		mix[i].Probability = share / (1 - float64(i)*share)
	}
	return mix
}
