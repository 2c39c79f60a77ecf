package growthgeniustest

import (
	"encoding/json"
	"maps"
	"net/http"
	"time"
)

// input takes the record out of a request body's envelope.
func input(t *table, body []byte) (record, answer, bool) {
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, failure(http.StatusUnprocessableEntity, "the body is not a JSON object"), false
	}
	var fields record
	if err := json.Unmarshal(envelope[t.name], &fields); err != nil || len(fields) == 0 {
		return nil, invalid(t.name, "can't be blank"), false
	}
	return fields, answer{}, true
}

// create stores a new row; complete fills in what the server itself knows of it.
func (s *Server) create(t *table, c *call, complete func(record)) answer {
	fields, refusal, ok := input(t, c.body)
	if !ok {
		return refusal
	}
	var envelope map[string]json.RawMessage
	_ = json.Unmarshal(c.body, &envelope) // input has read it already
	now := s.now().Truncate(time.Millisecond)
	complete(fields)
	r := &row{id: t.newID(), fields: fields, created: now, updated: now}
	s.stampRow(t, r)
	t.put(r, time.Time{})
	s.ledger = append(s.ledger, LedgerEntry{
		Seq: c.seq, Resource: t.name, ID: r.id, ActingAs: actingID(c), Content: string(envelope[t.name]), Time: now, Late: c.late,
	})
	return s.envelope(t, r.rendered)
}

// update stores a new version of a row: fields in the body replace, null clears, absent ones stay.
func (s *Server) update(t *table, c *call, complete func(old, next record)) answer {
	old := t.find(c.id, !s.cfg.unresolvableSearch)
	if old == nil {
		return notFound(t)
	}
	changes, refusal, ok := input(t, c.body)
	if !ok {
		return refusal
	}
	next := maps.Clone(old.fields)
	maps.Copy(next, changes)
	complete(old.fields, next)
	r := &row{id: old.id, fields: next, created: old.created, updated: s.now().Truncate(time.Millisecond)}
	s.stampRow(t, r)
	t.put(r, s.horizon())
	return s.envelope(t, t.renderedAs(r, c.id))
}

func (s *Server) get(t *table, c *call) answer {
	r := t.find(c.id, !s.cfg.unresolvableSearch)
	if r == nil {
		return notFound(t)
	}
	return s.envelope(t, t.renderedAs(r, c.id))
}

// remove deletes a row. What a contact's delete answers is not documented; a message's is.
func (s *Server) remove(t *table, c *call, documented []byte) answer {
	r := t.find(c.id, !s.cfg.unresolvableSearch)
	if r == nil {
		return notFound(t)
	}
	t.remove(r)
	if s.cfg.noContentDelete {
		return answer{status: http.StatusNoContent}
	}
	return jsonAnswer(http.StatusOK, documented)
}

func notFound(t *table) answer { return failure(http.StatusNotFound, t.name+" not found") }

// stampRow writes a contact's timestamps into its fields. A message shows none.
func (s *Server) stampRow(t *table, r *row) {
	if t != s.contacts {
		return
	}
	r.fields.set("created_at", stamp(r.created))
	r.fields.set("updated_at", stamp(r.updated))
}

// updatedBetween is the unpaginated list of both resources.
func (s *Server) updatedBetween(t *table, c *call) answer {
	from, refusal, ok := bound(c, "from")
	if !ok {
		return refusal
	}
	to, refusal, ok := bound(c, "to")
	if !ok {
		return refusal
	}
	var rendered [][]byte
	for _, r := range t.visible(s.lagged(s.cfg.listLag)) {
		if s.cfg.listCap > 0 && len(rendered) == s.cfg.listCap {
			break
		}
		if s.between(r.updated, from, to) {
			rendered = append(rendered, r.rendered)
		}
	}
	if s.cfg.singularEnvelopes && len(rendered) == 1 {
		return jsonAnswer(http.StatusOK, []byte(`{"`+t.name+`":`), rendered[0], []byte("}"))
	}
	return jsonAnswer(http.StatusOK, append(list(t, rendered, s.cfg.wrappedListItems), []byte("}"))...)
}

func (s *Server) between(t, from, to time.Time) bool {
	if s.cfg.exclusiveBounds {
		return t.After(from) && t.Before(to)
	}
	return !t.Before(from) && !t.After(to)
}

// bound reads from or to. Their format is not documented; RFC 3339 is what the samples' own datetimes are in.
func bound(c *call, name string) (time.Time, answer, bool) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, invalid(name, "can't be blank"), false
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, invalid(name, "is not a datetime"), false
	}
	return t, answer{}, true
}
