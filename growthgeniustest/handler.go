package growthgeniustest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// handle is the order in which a request passes through the server: rate limit, choice of a fault, reading,
// recording, carrying out, answering.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.handlers.Done()

	c := &call{method: r.Method, query: r.URL.Query()}
	c.route, c.id = s.resolve(r.URL.EscapedPath())
	c.acting = c.query.Get("user_id")
	rec := s.record(c, r)
	s.commonHeaders(w, c.seq)

	if limited, ok := s.throttle(); ok {
		c.body, _ = io.ReadAll(r.Body)
		s.conclude(rec, c.body, limited.status)
		s.send(w, limited)
		return
	}
	f := s.pick(c.method, c.route, s.mayRefuse(r))
	if f != nil {
		s.note(rec, f)
		if f.Effect == Refuse || f.Effect == Reset && !f.Commit {
			s.pause(r, f.Delay)
			reset(w) // nothing of the body was read
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	c.body = body
	s.conclude(rec, body, 0)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if f == nil {
		a := s.carryOut(c, r.Header)
		s.conclude(rec, body, a.status)
		s.send(w, a)
		return
	}
	s.misbehave(w, r, c, rec, f)
}

// enter counts a handler in, unless the server is closing.
func (s *Server) enter() bool {
	s.netMu.Lock()
	defer s.netMu.Unlock()
	if s.closing {
		return false
	}
	s.handlers.Add(1)
	return true
}

func (s *Server) commonHeaders(w http.ResponseWriter, seq int) {
	w.Header().Set("X-Request-Id", fmt.Sprintf("req-%06d", seq))
	if s.cfg.noDate {
		w.Header()["Date"] = nil
		return
	}
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
}

// carryOut does what the request asks for and gives the genuine answer.
func (s *Server) carryOut(c *call, header http.Header) answer {
	if key := header.Get("Authorization"); key != s.cfg.apiKey {
		return failure(http.StatusUnauthorized, "invalid API key")
	}
	methods, ok := endpoints[c.route]
	if !ok {
		return failure(http.StatusNotFound, "no such endpoint")
	}
	do, ok := methods[c.method]
	if !ok {
		return failure(http.StatusMethodNotAllowed, "method not allowed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.route != RouteUsers {
		if c.acting == "" {
			return failure(http.StatusBadRequest, "user_id is required")
		}
		if s.user(c.acting) == nil {
			return failure(http.StatusForbidden, "user_id is not a user of this key")
		}
	}
	if media := header.Get("Content-Type"); len(c.body) > 0 && !strings.HasPrefix(media, "application/json") {
		return failure(http.StatusUnsupportedMediaType, "the body must be application/json")
	}
	return do(s, c)
}

// Request is one request as the server received it.
type Request struct {
	Seq    int    // 1 for the server's first request
	Method string // as sent
	Path   string // escaped, from the root of the host
	Route  string // template such as "/contacts/{id}", empty where no endpoint matched
	Query  string // raw, without the question mark
	Header http.Header
	Body   []byte    // nil where a fault kept it from being read
	Time   time.Time // of arrival, by the machine's clock
	Status int       // answered; 0 while there is no answer, and where there was none
	Fault  *Fault    // the fault that befell it, nil for none
}

// record notes the arrival of a request and gives it its number.
func (s *Server) record(c *call, r *http.Request) *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	c.seq = s.seq
	rec := &Request{Seq: c.seq, Method: r.Method, Path: r.URL.EscapedPath(), Route: c.route, Query: r.URL.RawQuery, Time: time.Now()}
	if !s.cfg.noRecording {
		rec.Header = r.Header.Clone()
		s.requests = append(s.requests, rec)
	}
	return rec
}

// conclude notes a request's body and the status it was answered with.
func (s *Server) conclude(rec *Request, body []byte, status int) {
	if s.cfg.noRecording {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rec.Body, rec.Status = body, status
}

func (s *Server) note(rec *Request, f *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec.Fault = f
}

// Requests gives every request received so far, in order of arrival. The copies are the caller's.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
		all[i].Header = r.Header.Clone()
		all[i].Body = bytes.Clone(r.Body)
		if r.Fault != nil {
			fault := *r.Fault
			all[i].Fault = &fault
		}
	}
	return all
}

// ResetRequests forgets the requests recorded so far. Their numbers go on counting.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}
