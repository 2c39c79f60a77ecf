package growthgeniustest

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// Ids count up from the neighbourhood of the documented samples, so that an id of one resource is none of the other.
const (
	firstContactID = 1102755
	firstMessageID = 393642
)

// timestamp is the documented format, milliseconds and a zone offset: 2021-01-19T17:06:25.730-05:00.
const timestamp = "2006-01-02T15:04:05.000-07:00"

var zone = time.FixedZone("", -5*60*60)

func stamp(t time.Time) string { return t.In(zone).Format(timestamp) }

// row is one version of a stored record. A version is never changed once it is in the table.
type row struct {
	id       growthgenius.ID
	searchID string // the UUID text that searches show
	fields   record
	rendered []byte
	created  time.Time
	updated  time.Time
	previous *row // the version before, kept only while lists or searches lag
}

// table is the rows of one resource in the order of their creation.
type table struct {
	name, plural string
	fields       []string
	textIDs      bool
	next         int64
	order        []growthgenius.ID
	rows         map[growthgenius.ID]*row
	bySearchID   map[string]growthgenius.ID
}

func newTable(name, plural string, fields []string, first int64, textIDs bool) *table {
	return &table{
		name: name, plural: plural, fields: fields, textIDs: textIDs, next: first,
		rows: map[growthgenius.ID]*row{}, bySearchID: map[string]growthgenius.ID{},
	}
}

// newID gives the next id: an integer, or under WithTextIDs the UUID made of it.
func (t *table) newID() growthgenius.ID {
	id := growthgenius.IntID(t.next)
	t.next++
	if t.textIDs {
		return growthgenius.ID(t.uuid(string(id)))
	}
	return id
}

// uuid makes UUID text of an id, always the same for the same id.
func (t *table) uuid(id string) string {
	h := sha256.Sum256([]byte(t.name + " " + id))
	h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// put stores a version of a record; an id that is there already gets the new version. Versions that somebody who
// lags may still have to see, those replaced after horizon, are kept; none are where horizon is zero.
func (t *table) put(r *row, horizon time.Time) {
	if n, err := r.id.Int64(); err == nil && n >= t.next {
		t.next = n + 1
	}
	old, exists := t.rows[r.id]
	if !exists {
		t.order = append(t.order, r.id)
	} else if !horizon.IsZero() {
		r.previous = old
		if old.updated.Before(horizon) {
			old.previous = nil
		}
	}
	r.searchID = string(r.id)
	if !t.textIDs {
		r.searchID = t.uuid(string(r.id))
	}
	r.fields.set("id", r.id)
	r.rendered = r.fields.render(t.fields)
	t.rows[r.id] = r
	t.bySearchID[r.searchID] = r.id
}

// find looks a record up by its id, or by its search id where that is allowed.
func (t *table) find(id string, searchIDs bool) *row {
	if r, ok := t.rows[growthgenius.ID(id)]; ok {
		return r
	}
	if searchIDs {
		if own, ok := t.bySearchID[id]; ok {
			return t.rows[own]
		}
	}
	return nil
}

func (t *table) remove(r *row) {
	delete(t.rows, r.id)
	delete(t.bySearchID, r.searchID)
	if i := slices.Index(t.order, r.id); i >= 0 {
		t.order = slices.Delete(t.order, i, i+1)
	}
}

// all gives the newest version of every row, in order of creation.
func (t *table) all() []*row {
	rows := make([]*row, 0, len(t.order))
	for _, id := range t.order {
		rows = append(rows, t.rows[id])
	}
	return rows
}

// visible gives every row as it was at the moment until; those created since are left out. A zero until: as it is now.
func (t *table) visible(until time.Time) []*row {
	rows := t.all()
	if until.IsZero() {
		return rows
	}
	seen := rows[:0]
	for _, r := range rows {
		for r != nil && r.updated.After(until) {
			r = r.previous
		}
		if r != nil {
			seen = append(seen, r)
		}
	}
	return seen
}

// renderedAs is the row as it shows under an id that may be its search id.
func (t *table) renderedAs(r *row, id string) []byte {
	if id == "" || growthgenius.ID(id) == r.id {
		return r.rendered
	}
	fields := maps.Clone(r.fields)
	fields.set("id", growthgenius.ID(id))
	return fields.render(t.fields)
}

// horizon is the moment before which nobody looks, zero where nothing lags.
func (s *Server) horizon() time.Time { return s.lagged(max(s.cfg.listLag, s.cfg.searchLag)) }

// lagged is the moment that a reader sees who lags by d, zero for no lag.
func (s *Server) lagged(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return s.now().Add(-d)
}

// LedgerEntry is one create that was carried out, whether or not its client was ever told.
type LedgerEntry struct {
	Seq      int             // number of the request that did it, as in Request.Seq
	Resource string          // "contact" or "message"
	ID       growthgenius.ID // of the row that came of it
	ActingAs growthgenius.ID // user_id of the request
	Content  string          // what was sent for it, the JSON object inside the envelope
	Time     time.Time       // of the commit, by the server's clock
	Late     bool            // carried out after its client had lost the answer
}

// Ledger gives every create carried out so far, in order. Records stored by the Add methods are not in it.
func (s *Server) Ledger() []LedgerEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger)
}
