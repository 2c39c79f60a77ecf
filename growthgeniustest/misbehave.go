package growthgeniustest

import (
	"bytes"
	"cmp"
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

// misbehave applies a fault to a request that has been read.
func (s *Server) misbehave(
	w http.ResponseWriter, r *http.Request, c *call, rec *Request, f *Fault,
) {
	var res response
	if f.commits() {
		res = s.carryOut(c, r.Header)
		if f.Effect == WrongRecord && res.ok() {
			res = s.wrongRecord(c, res)
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
		header := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
		res = response{http.StatusOK, header, [][]byte{[]byte(htmlPage)}}
	case EmptyBody, EndlessBody:
		res = response{status: cmp.Or(f.Status, http.StatusOK), header: http.Header{}}
		s.setRetryAfter(res.header, f.RetryAfter, f.RetryAsDate)
	case Respond:
		if !f.genuine() {
			res = s.statusResponse(f)
		} else if f.Status != 0 {
			res.status = f.Status
		}
	}
	if f.Beside != "" && f.genuine() {
		res.body = beside(res.bytes(), f.Beside)
	}
	if f.Charset != "" {
		res = res.inCharset(f.Charset)
	}
	if len(f.Header) > 0 {
		res.header = maps.Clone(res.header)
		if res.header == nil {
			res.header = http.Header{}
		}
		maps.Copy(res.header, f.Header)
	}
	s.recordStatus(rec, c.body, res.status)
	switch {
	case f.Effect == Truncate:
		s.truncate(w, res)
	case f.Effect == EndlessBody:
		s.endless(w, res)
	case f.Drip > 0:
		s.drip(w, r, res, f.Drip)
	default:
		s.write(w, res)
	}
}

// beside adds members to a body that is a JSON object.
func beside(body []byte, members string) [][]byte {
	open, ok := bytes.CutSuffix(bytes.TrimSpace(body), []byte("}"))
	if !ok {
		return [][]byte{body}
	}
	if !bytes.HasSuffix(open, []byte("{")) {
		members = "," + members
	}
	return [][]byte{open, []byte(members + "}")}
}

// statusResponse returns the response that a fault's Status asks for.
func (s *Server) statusResponse(f *Fault) response {
	res := failure(f.Status, http.StatusText(f.Status))
	if f.Body != "" {
		res.body = [][]byte{[]byte(f.Body)}
		if !json.Valid([]byte(f.Body)) {
			res.header.Set("Content-Type", http.DetectContentType([]byte(f.Body)))
		}
	}
	s.setRetryAfter(res.header, f.RetryAfter, f.RetryAsDate)
	return res
}

// setRetryAfter sets the Retry-After header, rounded up to whole seconds. A delay of 0 is
// sent only as a date.
func (s *Server) setRetryAfter(h http.Header, d time.Duration, asDate bool) {
	d = (d + time.Second - 1).Truncate(time.Second)
	switch {
	case asDate:
		h.Set("Retry-After", s.now().Add(d).UTC().Format(http.TimeFormat))
	case d > 0:
		h.Set("Retry-After", strconv.FormatInt(int64(d/time.Second), 10))
	}
}

// reset closes the connection so that the client gets a connection reset and no response.
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

// pause waits for d. It reports whether there is still a client to respond to.
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

// truncate announces the whole body, writes half of it and closes the connection.
func (s *Server) truncate(w http.ResponseWriter, res response) {
	s.writeHead(w, res)
	body := res.bytes()
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler) // closes the connection
}

// endless writes a body until the client has given up or the server closes.
func (s *Server) endless(w http.ResponseWriter, res response) {
	maps.Copy(w.Header(), res.header)
	w.WriteHeader(res.status)
	for piece := bytes.Repeat([]byte(" "), 4<<10); ; {
		if _, err := w.Write(piece); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// drip writes the body byte by byte, with a pause before each.
func (s *Server) drip(
	w http.ResponseWriter, r *http.Request, res response, pause time.Duration,
) {
	s.writeHead(w, res)
	control := http.NewResponseController(w)
	_ = control.Flush()
	body := bytes.NewReader(res.bytes())
	for body.Len() > 0 {
		if !s.pause(r, pause) {
			panic(http.ErrAbortHandler)
		}
		if _, err := io.CopyN(w, body, 1); err != nil || control.Flush() != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// wrongRecord returns a response with a record other than that of the genuine response:
// another one that is stored or, if there is none, one that does not exist.
func (s *Server) wrongRecord(c *call, genuine response) response {
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
	right := s.genuineID(t, c)
	for _, id := range t.order {
		if id != right {
			return s.envelope(t, t.rows[id].rendered)
		}
	}
	invented := record{}
	invented.set("id", growthgenius.IntID(t.next+1000000))
	return s.envelope(t, invented.render(t.fields))
}

// genuineID returns the id of the record in the genuine response.
func (s *Server) genuineID(t *table, c *call) growthgenius.ID {
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

// carryOutLate carries a request out after its client has lost the response.
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

// Settle waits until all requests that a fault's CommitDelay has put off are carried out,
// or until the server closes.
func (s *Server) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.late > 0 {
		s.lateDone.Wait()
	}
}
