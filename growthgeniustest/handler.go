package growthgeniustest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// handle serves a request. The order is: rate limit, choice of a fault, reading the body,
// carrying the request out, responding.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.handlers.Done()

	c := &call{method: r.Method, query: r.URL.Query()}
	c.route, c.id = s.resolve(r.URL.EscapedPath())
	c.acting = c.query.Get("user_id")
	rec := s.recordRequest(c, r)
	s.commonHeaders(w, c.seq)

	if limited, ok := s.throttle(); ok {
		c.body, _ = io.ReadAll(r.Body)
		s.recordStatus(rec, c.body, limited.status)
		s.write(w, limited)
		return
	}
	f := s.pick(c.method, c.route, s.mayRefuse(r))
	if f != nil {
		s.recordFault(rec, f)
		if f.Effect == Refuse || f.Effect == Reset && !f.Commit {
			s.pause(r, f.Delay)
			reset(w) // the body has not been read
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	c.body = body
	s.recordStatus(rec, body, 0)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if f == nil {
		res := s.carryOut(c, r.Header)
		s.recordStatus(rec, body, res.status)
		s.write(w, res)
		return
	}
	s.misbehave(w, r, c, rec, f)
}

// enter adds the request to those that Close waits for. It returns false if the server is
// closing.
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

// carryOut does what the request asks for and returns the genuine response.
func (s *Server) carryOut(c *call, header http.Header) response {
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
	media := header.Get("Content-Type")
	if len(c.body) > 0 && !strings.HasPrefix(media, "application/json") {
		return failure(http.StatusUnsupportedMediaType, "the body must be application/json")
	}
	return do(s, c)
}

// Request is a request as the server received it.
type Request struct {
	Seq    int         // number of the request, starting at 1
	Method string      // as sent
	Path   string      // escaped, from the root of the host
	Route  string      // a template such as "/contacts/{id}"; "" if no endpoint matched
	Query  string      // raw, without the question mark
	Header http.Header // as received
	Body   []byte      // nil if a fault kept the server from reading it
	Time   time.Time   // of arrival, not affected by WithClock and WithClockSkew
	Status int         // of the response; 0 if none was sent, or not yet
	Fault  *Fault      // the fault that was applied, or nil
}

// recordRequest numbers a request and records its arrival.
func (s *Server) recordRequest(c *call, r *http.Request) *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	c.seq = s.seq
	rec := &Request{
		Seq: c.seq, Method: r.Method, Path: r.URL.EscapedPath(),
		Route: c.route, Query: r.URL.RawQuery, Time: time.Now(),
	}
	if !s.cfg.noRecording {
		rec.Header = r.Header.Clone()
		s.requests = append(s.requests, rec)
	}
	return rec
}

// recordStatus records the body of a request and the status of its response.
func (s *Server) recordStatus(rec *Request, body []byte, status int) {
	if s.cfg.noRecording {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rec.Body, rec.Status = body, status
}

func (s *Server) recordFault(rec *Request, f *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec.Fault = f
}

// Requests returns copies of all requests received so far, in order of arrival.
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

// ResetRequests discards the requests recorded so far. The numbers of further requests
// continue where they were.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}
