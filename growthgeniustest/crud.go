package growthgeniustest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// input returns the record in the envelope of a request body.
func input(t *table, body []byte) (record, response, bool) {
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, failure(http.StatusUnprocessableEntity, "the body is not a JSON object"), false
	}
	var fields record
	if err := json.Unmarshal(envelope[t.name], &fields); err != nil || len(fields) == 0 {
		return nil, invalid(t.name, "can't be blank"), false
	}
	return fields, response{}, true
}

// create stores a new row. complete sets the fields that the server chooses.
func (s *Server) create(t *table, c *call, complete func(record)) response {
	fields, refusal, ok := input(t, c.body)
	if !ok {
		return refusal
	}
	var envelope map[string]json.RawMessage
	_ = json.Unmarshal(c.body, &envelope) // valid, since input has decoded it
	now := s.recordNow().Truncate(time.Millisecond)
	s.rewrite(fields)
	complete(fields)
	r := &row{id: t.newID(), fields: fields, created: now, updated: now}
	s.stampRow(t, r)
	t.put(r, time.Time{})
	s.ledger = append(s.ledger, LedgerEntry{
		Seq: c.seq, Resource: t.name, ID: r.id, ActingAs: actingID(c),
		Content: string(envelope[t.name]), Time: s.now().Truncate(time.Millisecond), Late: c.late,
	})
	return s.envelope(t, r.rendered)
}

// update stores a new version of a row. Fields of the body replace those of the row, null
// clears a field, and other fields stay as they are.
func (s *Server) update(t *table, c *call, complete func(old, next record)) response {
	old := t.find(c.id, !s.cfg.unresolvableSearch)
	if old == nil {
		return notFound(t)
	}
	changes, refusal, ok := input(t, c.body)
	if !ok {
		return refusal
	}
	s.rewrite(changes)
	next := maps.Clone(old.fields)
	maps.Copy(next, changes)
	complete(old.fields, next)
	now := s.recordNow().Truncate(time.Millisecond)
	r := &row{id: old.id, fields: next, created: old.created, updated: now}
	s.stampRow(t, r)
	t.put(r, s.horizon())
	return s.envelope(t, t.renderedAs(r, s.idAs(r, c.id)))
}

// rewrite changes the texts of a request, if WithRewriting is set.
func (s *Server) rewrite(fields record) {
	if s.cfg.rewrite == nil {
		return
	}
	for field, raw := range fields {
		var text string
		if json.Unmarshal(raw, &text) != nil || bytes.Equal(raw, null) {
			continue
		}
		if text = s.cfg.rewrite(field, text); text == "" {
			fields[field] = null
		} else {
			fields.set(field, text)
		}
	}
}

// idAs returns the id that a row has in the response to a request for an id: its search id,
// if that was asked for, or else its own. That is another one if the row was merged.
func (s *Server) idAs(r *row, asked string) string {
	if asked == r.searchID && !s.cfg.canonicalIDs {
		return asked
	}
	return string(r.id)
}

func (s *Server) get(t *table, c *call) response {
	r := t.find(c.id, !s.cfg.unresolvableSearch)
	if r == nil {
		return notFound(t)
	}
	return s.envelope(t, t.renderedAs(r, s.idAs(r, c.id)))
}

// remove deletes a row and responds with body. The reference documents the response for a
// message, but not for a contact.
func (s *Server) remove(t *table, c *call, body []byte) response {
	r := t.find(c.id, !s.cfg.unresolvableSearch)
	if r == nil {
		return notFound(t)
	}
	t.remove(r)
	if s.cfg.noContentDelete {
		return response{status: http.StatusNoContent}
	}
	return jsonResponse(http.StatusOK, body)
}

func notFound(t *table) response {
	return failure(http.StatusNotFound, t.name+" not found")
}

// stampRow sets the timestamp fields of a contact. A message has none.
func (s *Server) stampRow(t *table, r *row) {
	if t != s.contacts {
		return
	}
	r.fields.set("created_at", stamp(r.created))
	r.fields.set("updated_at", stamp(r.updated))
}

// updatedBetween responds with an unpaginated list of the rows updated in a period.
func (s *Server) updatedBetween(t *table, c *call) response {
	from, refusal, ok := s.bound(c, "from")
	if !ok {
		return refusal
	}
	to, refusal, ok := s.bound(c, "to")
	if !ok {
		return refusal
	}
	var rendered [][]byte
	for _, r := range s.capped(slices.DeleteFunc(visible(t.all(), s.lagged(s.cfg.listLag)), func(r *row) bool {
		return !s.between(r.updated, from, to)
	})) {
		piece := r.rendered
		if s.cfg.keyedLists {
			piece = slices.Concat([]byte(strconv.Quote(string(r.id))+":"), piece)
		}
		rendered = append(rendered, piece)
	}
	if s.cfg.keyedLists && len(rendered) > 0 {
		return jsonResponse(http.StatusOK, []byte(`{"`+t.plural+`":{`), bytes.Join(rendered, []byte(",")), []byte("}}"))
	}
	if s.cfg.singularEnvelopes && len(rendered) == 1 {
		return jsonResponse(http.StatusOK, []byte(`{"`+t.name+`":`), rendered[0], []byte("}"))
	}
	body := list(t, rendered, s.cfg.wrappedListItems)
	return jsonResponse(http.StatusOK, append(body, []byte("}"))...)
}

// capped returns the rows that remain of a list, in the order of their creation.
func (s *Server) capped(rows []*row) []*row {
	n := s.cfg.listCap
	if n <= 0 || len(rows) <= n {
		return rows
	}
	order := slices.Clone(rows)
	switch s.cfg.listCapBy {
	case CapByCreation:
	case CapByOldest, CapByNewest:
		slices.SortStableFunc(order, func(a, b *row) int { return a.updated.Compare(b.updated) })
		if s.cfg.listCapBy == CapByNewest {
			slices.Reverse(order)
		}
	case CapByNothing:
		slices.SortFunc(order, func(a, b *row) int { return cmp.Compare(a.mixed(), b.mixed()) })
	}
	kept := order[:n]
	return slices.DeleteFunc(rows, func(r *row) bool { return !slices.Contains(kept, r) })
}

func (s *Server) between(t, from, to time.Time) bool {
	if s.cfg.exclusiveBounds {
		return t.After(from) && t.Before(to)
	}
	return !t.Before(from) && !t.After(to)
}

// bound parses the query parameter from or to. Their format is not documented, so it is
// that of the datetimes in the samples, RFC 3339.
func (s *Server) bound(c *call, name string) (time.Time, response, bool) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, invalid(name, "can't be blank"), false
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, invalid(name, "is not a datetime"), false
	}
	if zone := s.cfg.boundsZone; zone != nil {
		t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
	}
	return t, response{}, true
}
