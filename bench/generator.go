package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// generator is a server that makes contacts as they are read: none is held in memory.
type generator struct {
	records int
	begun   sync.Once
	first   time.Time // when the first contact was updated
}

// RoundTrip responds to a list of contacts, or to a search.
func (g *generator) RoundTrip(r *http.Request) (*http.Response, error) {
	g.begun.Do(func() { g.first = time.Now().Add(-growthSpan).UTC().Truncate(time.Second) })
	switch path := r.URL.Path; {
	case r.Method == http.MethodPost:
		return g.search(r)
	case path != "/contacts":
		return g.update(r, strings.TrimPrefix(path, "/contacts/"))
	}
	// The contacts with the numbers from begin to end were updated in the window.
	begin, end := 0, g.records
	step := growthSpan / time.Duration(g.records) / 2 // until an hour ago, and more
	if from, err := time.Parse(time.RFC3339, r.URL.Query().Get("from")); err == nil {
		begin = int(max(0, (from.Sub(g.first)+step-1)/step))
	}
	if to, err := time.Parse(time.RFC3339, r.URL.Query().Get("to")); err == nil {
		end = int(min(time.Duration(g.records), max(0, to.Sub(g.first)/step+1)))
	}
	next := max(0, begin)
	return respond(r, &madeBody{after: `]}`, buf: []byte(`{"contacts":[`), item: func(b []byte) ([]byte, bool) {
		if next >= end {
			return b, false
		}
		if next > begin {
			b = append(b, ',')
		}
		next++
		return generatedContact(b, next, g.first.Add(time.Duration(next-1)*step)), true
	}}), nil
}

func (g *generator) search(r *http.Request) (*http.Response, error) {
	search := struct {
		Keywords string `json:"q_keywords"`
		Page     int    `json:"page"`
		PerPage  int    `json:"per_page"`
	}{Page: 1, PerPage: 25}
	if err := json.NewDecoder(r.Body).Decode(&search); err != nil {
		return nil, err
	}
	b := []byte(`{"contacts":[`)
	skip, found, total := (search.Page-1)*search.PerPage, g.records, g.records
	if n := 0; search.Keywords != "" {
		if _, err := fmt.Sscanf(search.Keywords, "person%d@", &n); err != nil {
			return nil, err
		}
		skip, found, total = n-1, n, 1
	}
	for i := range max(0, min(search.PerPage, found-skip)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = generatedContact(append(b, `{"contact":`...), skip+i+1, g.first)
		b = append(b, '}')
	}
	b = fmt.Appendf(b, `],"partial_results_only":false,"partial_results_limit":%d,"pagination":{"page":%d,"per_page":%d,"total_entries":%d,"total_pages":%d}}`,
		searchLimit, search.Page, search.PerPage, total, (total+search.PerPage-1)/search.PerPage)
	return respond(r, bytes.NewReader(b)), nil
}

// update responds with a contact, with the new title if it is updated.
func (g *generator) update(r *http.Request, id string) (*http.Response, error) {
	n, err := strconv.Atoi(id)
	b := append(generatedContact([]byte(`{"contact":`), n, time.Now().UTC()), '}')
	if r.Method != http.MethodGet {
		b = bytes.Replace(b, []byte("Executive"), []byte("Technology"), 1)
	}
	return respond(r, bytes.NewReader(b)), err
}

// respond returns a response with a body.
func respond(r *http.Request, body io.Reader) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}},
		Body:   io.NopCloser(body),
	}
}

// generatedContact appends a contact of about 400 bytes.
func generatedContact(b []byte, id int, updated time.Time) []byte {
	number := func() { b = strconv.AppendInt(b, int64(id), 10) }
	b = append(b, `{"id":`...)
	number()
	b = append(b, `,"first_name":"First`...)
	number()
	b = append(b, `","last_name":"Last`...)
	number()
	b = append(b, `","email":"person`...)
	number()
	b = append(b, `@example.com","title":"Chief Executive Officer","company_name":"Company `...)
	number()
	b = append(b, `","work_phone":"+1 206 555 0100","linkedin_url":"https://www.linkedin.com/in/person-`...)
	number()
	b = append(b, `","user_id":1,"created_at":"2019-08-09T11:10:41.275Z","updated_at":"`...)
	b = updated.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	return append(b, `"}`...)
}

// madeBody is a body that is made as it is read.
type madeBody struct {
	buf   []byte
	read  int
	item  func(b []byte) ([]byte, bool)
	after string
	done  bool
}

// Read implements [io.Reader].
func (g *madeBody) Read(p []byte) (int, error) {
	if g.read == len(g.buf) {
		g.buf, g.read = g.buf[:0], 0
		for !g.done && len(g.buf) < 32<<10 {
			b, more := g.item(g.buf)
			if !more {
				b, g.done = append(b, g.after...), true
			}
			g.buf = b
		}
		if len(g.buf) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, g.buf[g.read:])
	g.read += n
	return n, nil
}

// lossy is a server that creates contacts, and whose responses to that are lost.
type lossy struct {
	mu   sync.Mutex // guards rows
	rows [][]byte
}

var errLost = errors.New("the connection was reset")

// RoundTrip creates a contact, or lists all of them.
func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Method == http.MethodGet {
		return respond(r, bytes.NewReader(fmt.Appendf(nil, `{"contacts":[%s]}`, bytes.Join(l.rows, []byte(","))))), nil
	}
	var sent struct {
		Contact json.RawMessage `json:"contact"`
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &sent)
	}
	if err != nil {
		return nil, err
	}
	fields := sent.Contact
	if fields == nil {
		fields = body
	}
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	l.rows = append(l.rows, fmt.Appendf(nil, `{"id":%d,"user_id":1,"created_at":%q,"updated_at":%q,%s`, len(l.rows)+1, now, now, fields[1:]))
	return nil, errLost
}
