package growthgeniustest

import (
	"fmt"
	"net/http"
	"time"
)

// Effect is what a [Fault] does to the answer of a request.
type Effect int

const (
	// Answer is the zero Effect: the fault's Status, or the genuine answer where Status is 0 (late, where Delay is set).
	Answer Effect = iota
	// Refuse refuses the connection, so that nothing is sent. A server cannot refuse one connection and take the
	// next, so the dial fails in [Server.Transport], where it goes before faults with a Probability; other clients see
	// a reset before their request is read.
	Refuse
	// Reset resets the connection without an answer: before the body is read, or with Commit after the request was
	// carried out.
	Reset
	// Hang gives no answer until the client gives up or the server closes.
	Hang
	// Truncate sends the genuine answer with the length of the whole and half of its body, then closes the
	// connection. It carries the request out.
	Truncate
	// HTMLPage sends an HTML page with status 200, as a proxy in front may. With Commit the request is carried out.
	HTMLPage
	// WrongRecord answers create, get and update of a contact or message with another record of the same resource.
	// It carries the request out. Other answers stay genuine.
	WrongRecord
)

var effectNames = map[Effect]string{
	Answer: "Answer", Refuse: "Refuse", Reset: "Reset", Hang: "Hang", Truncate: "Truncate", HTMLPage: "HTMLPage", WrongRecord: "WrongRecord",
}

// String is the constant's name.
func (e Effect) String() string {
	if name, ok := effectNames[e]; ok {
		return name
	}
	return fmt.Sprintf("Effect(%d)", int(e))
}

// Fault is a misbehaviour of the server, given to [Server.Inject]. The first of the injected faults that takes a
// request befalls it.
//
//	growthgeniustest.Fault{Method: "POST", Status: 503, Times: 1}                  // fails once
//	growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true} // the answer is lost
//	growthgeniustest.Fault{Status: 429, RetryAfter: time.Second, Probability: 0.1}
type Fault struct {
	// Which requests it takes.

	Method      string  // "": any
	Route       string  // a template such as RouteContact, "": any
	Skip        int     // leave the first so many matching requests alone
	Times       int     // befall so many requests; 0: until ClearFaults
	Probability float64 // of taking a matching request, by the server's seed; 0: 1

	// What it does to them.

	Effect      Effect
	Status      int           // with Effect Answer: the status sent in place of the genuine answer; 0: the genuine answer
	Header      http.Header   // added to what is answered
	Body        string        // with Status: the body; "" becomes {"error": "<status text>"}
	RetryAfter  time.Duration // with Status: a Retry-After header, rounded up to whole seconds; 0: none
	RetryAsDate bool          // write Retry-After as an HTTP date, read against the server's clock; so even where it is 0
	Delay       time.Duration // before the answer, or the lack of one
	Drip        time.Duration // send the body byte by byte, with this pause before each; 0: at once

	Commit      bool          // carry the request out although its answer is lost or false
	CommitDelay time.Duration // with Commit: carry it out only this long after the answer was lost
}

// commits tells whether the request is carried out before the answer.
func (f *Fault) commits() bool {
	return f.Commit && f.CommitDelay == 0 || f.genuine()
}

// genuine tells whether the fault needs the genuine answer.
func (f *Fault) genuine() bool {
	return f.Effect == Truncate || f.Effect == WrongRecord || f.Effect == Answer && f.Status == 0
}

// injected is a fault with what it has done so far.
type injected struct {
	Fault
	skipped, befallen int
}

// meant tells whether the fault is meant for a request, and not used up.
func (f *injected) meant(method, route string) bool {
	return (f.Method == "" || f.Method == method) && (f.Route == "" || f.Route == route) && (f.Times <= 0 || f.befallen < f.Times)
}

// certain tells whether the fault is going to befall a request.
func (f *injected) certain(method, route string) bool {
	return f.meant(method, route) && f.skipped >= f.Skip && f.Probability <= 0
}

// take tells whether the fault befalls a request, and counts it.
func (f *injected) take(method, route string, draw func() float64) bool {
	if !f.meant(method, route) {
		return false
	}
	if f.skipped < f.Skip {
		f.skipped++
		return false
	}
	if f.Probability > 0 && draw() >= f.Probability {
		return false
	}
	f.befallen++
	return true
}

// Inject adds faults behind those that are there.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		f.Header = f.Header.Clone()
		s.faults = append(s.faults, &injected{Fault: f})
	}
}

// ClearFaults takes every fault away. Requests that hang already go on hanging.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// pick finds the fault that befalls a request, nil for none. Refusals are left out for connections that Transport
// made: it has decided about them.
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

// refuse tells whether Transport is to refuse a request. The faults of the server itself are drawn later, so those
// before a refusal go first only where they are certain.
func (s *Server) refuse(method, route string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		switch {
		case f.Effect == Refuse && f.take(method, route, s.rng.Float64):
			return true
		case f.Effect != Refuse && f.certain(method, route):
			return false
		}
	}
	return false
}

// FaultMix gives faults that together befall the share rate of all requests, from 0 to 1, each of these kinds equally
// often: refused, reset before the request is read, carried out then reset, carried out then 500, 502, 503 and 504,
// 500 without being carried out, 429 with Retry-After in seconds and as a date, carried out then no answer, success
// cut short, success with an HTML page. Retry-After asks for retryAfter.
//
// The faults are plain values: set their Method, Route or CommitDelay before injecting them as need be. Inject them
// together and in their order, which their probabilities rest on. Refusals happen in clients that go through
// [Server.Transport].
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
	// Each fault is drawn only where those before it were not, so each is given its share of what they leave.
	share := min(rate, 1) / float64(len(mix))
	for i := range mix {
		mix[i].Probability = share / (1 - float64(i)*share)
	}
	return mix
}
