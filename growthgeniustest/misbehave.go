package growthgeniustest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

const htmlPage = `<!DOCTYPE html>
<html>
<head><title>Welcome</title></head>
<body><h1>Please sign in to continue</h1></body>
</html>
`

// misbehave lets a fault befall a request that was read.
func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, c *call, rec *Request, f *Fault) {
	var a answer
	if f.commits() {
		a = s.carryOut(c, r.Header)
		if f.Effect == WrongRecord && a.ok() {
			a = s.wrongRecord(c, a)
		}
	} else if f.Commit {
		s.carryOutLate(c, r.Header, f.Delay+f.CommitDelay)
	}
	if !s.pause(r, f.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch f.Effect {
	case Reset:
		reset(w)
		return
	case Hang:
		s.hang(r)
		panic(http.ErrAbortHandler)
	case HTMLPage:
		a = answer{http.StatusOK, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, [][]byte{[]byte(htmlPage)}}
	case Answer:
		if f.Status != 0 {
			a = s.faultyAnswer(f)
		}
	}
	if len(f.Header) > 0 {
		a.header = maps.Clone(a.header)
		if a.header == nil {
			a.header = http.Header{}
		}
		maps.Copy(a.header, f.Header)
	}
	s.conclude(rec, c.body, a.status)
	switch {
	case f.Effect == Truncate:
		s.truncate(w, a)
	case f.Drip > 0:
		s.drip(w, r, a, f.Drip)
	default:
		s.send(w, a)
	}
}

// faultyAnswer is the answer of a fault's Status.
func (s *Server) faultyAnswer(f *Fault) answer {
	a := failure(f.Status, http.StatusText(f.Status))
	if f.Body != "" {
		a.body = [][]byte{[]byte(f.Body)}
		if !json.Valid([]byte(f.Body)) {
			a.header.Set("Content-Type", http.DetectContentType([]byte(f.Body)))
		}
	}
	s.retryAfter(a.header, f.RetryAfter, f.RetryAsDate)
	return a
}

// retryAfter writes the header that asks a client to wait.
func (s *Server) retryAfter(h http.Header, d time.Duration, asDate bool) {
	d = (d + time.Second - 1).Truncate(time.Second)
	switch {
	case asDate:
		h.Set("Retry-After", s.now().Add(d).UTC().Format(http.TimeFormat))
	case d > 0:
		h.Set("Retry-After", strconv.FormatInt(int64(d/time.Second), 10))
	}
}

// reset closes the connection so that the client sees a reset and no answer.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// hang waits until the client has given up or the server closes.
func (s *Server) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
}

// pause waits, and tells whether there is still a client to answer.
func (s *Server) pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.closed:
	}
	return false
}

// truncate promises the whole body and sends half of it.
func (s *Server) truncate(w http.ResponseWriter, a answer) {
	s.head(w, a)
	body := a.bytes()
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler) // closes the connection
}

// drip sends the body byte by byte.
func (s *Server) drip(w http.ResponseWriter, r *http.Request, a answer, pause time.Duration) {
	s.head(w, a)
	control := http.NewResponseController(w)
	_ = control.Flush()
	body := bytes.NewReader(a.bytes())
	for body.Len() > 0 {
		if !s.pause(r, pause) {
			panic(http.ErrAbortHandler)
		}
		if _, err := io.CopyN(w, body, 1); err != nil || control.Flush() != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// wrongRecord replaces a genuine answer by one about another record: the one that stands next to it, or where there
// is none one that does not exist.
func (s *Server) wrongRecord(c *call, genuine answer) answer {
	if c.method == http.MethodDelete {
		return genuine
	}
	var t *table
	switch c.route {
	case RouteContacts, RouteContact:
		t = s.contacts
	case RouteMessages, RouteMessage:
		t = s.messages
	}
	if t == nil || c.method == http.MethodGet && c.id == "" {
		return genuine
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	right := s.answeredID(t, c)
	for _, id := range t.order {
		if id != right {
			return s.envelope(t, t.rows[id].rendered)
		}
	}
	stranger := record{}
	stranger.set("id", growthgenius.IntID(t.next+1000000))
	return s.envelope(t, stranger.render(t.fields))
}

// answeredID is the id of the record that the genuine answer is about.
func (s *Server) answeredID(t *table, c *call) growthgenius.ID {
	if r := t.find(c.id, true); r != nil {
		return r.id
	}
	for i := len(s.ledger) - 1; i >= 0; i-- {
		if s.ledger[i].Seq == c.seq {
			return s.ledger[i].ID
		}
	}
	return ""
}

// carryOutLate carries a request out when its client has long lost the answer.
func (s *Server) carryOutLate(c *call, header http.Header, after time.Duration) {
	s.mu.Lock()
	s.late++
	s.mu.Unlock()
	c.late = true
	header = header.Clone()
	s.handlers.Go(func() {
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
			s.carryOut(c, header)
		case <-s.closed:
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.late--
		s.lateDone.Broadcast()
	})
}

// Settle waits until every request that a fault's CommitDelay put off has been carried out, or the server closed.
func (s *Server) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.late > 0 {
		s.lateDone.Wait()
	}
}
