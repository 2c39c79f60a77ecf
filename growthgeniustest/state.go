package growthgeniustest

import (
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// The first ids. They are near those of the documented samples and far apart, so that no
// id belongs to both resources.
const (
	firstContactID = 1102755
	firstMessageID = 393642
)

// timestamp is the documented format of a time: 2021-01-19T17:06:25.730-05:00.
const timestamp = "2006-01-02T15:04:05.000-07:00"

var zone = time.FixedZone("", -5*60*60)

func stamp(t time.Time) string { return t.In(zone).Format(timestamp) }

// row is a version of a stored record. It is not modified once it is in a table.
type row struct {
	id       growthgenius.ID
	searchID string // the UUID that searches show
	fields   record
	rendered []byte
	created  time.Time
	updated  time.Time
	text     string // in which searches look for words; "" if the resource has no search
	place    int    // in the order of creation
	previous *row   // the version before, kept only for lists or searches that lag
}

// mixed returns a number that has nothing to do with the order of the rows.
func (r *row) mixed() uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(r.id))
	return h.Sum32()
}

// table holds the rows of a resource in the order of their creation.
type table struct {
	name, plural string
	fields       []string
	textIDs      bool
	next         int64
	order        []growthgenius.ID
	rows         map[growthgenius.ID]*row
	bySearchID   map[string]growthgenius.ID
	merged       map[growthgenius.ID]growthgenius.ID // the row that has taken the place of another
	places       int                                 // how many rows were ever created
	byPlace      map[int]growthgenius.ID
	search       *searchIndex // nil if the resource has no search
}

func newTable(name, plural string, fields []string, first int64, textIDs bool) *table {
	return &table{
		name: name, plural: plural, fields: fields, textIDs: textIDs, next: first,
		rows: map[growthgenius.ID]*row{}, bySearchID: map[string]growthgenius.ID{},
		merged: map[growthgenius.ID]growthgenius.ID{}, byPlace: map[int]growthgenius.ID{},
	}
}

// newID returns the next id: an integer or, with WithTextIDs, the UUID made from it.
func (t *table) newID() growthgenius.ID {
	id := growthgenius.IntID(t.next)
	t.next++
	if t.textIDs {
		return growthgenius.ID(t.uuid(string(id)))
	}
	return id
}

// uuid returns a UUID made from an id, always the same for the same id.
func (t *table) uuid(id string) string {
	h := sha256.Sum256([]byte(t.name + " " + id))
	h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// put stores a version of a record, in place of an older version with the same id. It
// keeps the older versions that were replaced after horizon, for lists and searches that
// lag. If horizon is zero it keeps none.
func (t *table) put(r *row, horizon time.Time) {
	if n, err := r.id.Int64(); err == nil && n >= t.next {
		t.next = n + 1
	}
	old, exists := t.rows[r.id]
	if !exists {
		t.order = append(t.order, r.id)
		r.place = t.places
		t.byPlace[r.place] = r.id
		t.places++
	} else if !horizon.IsZero() {
		r.previous = old
		if old.updated.Before(horizon) {
			old.previous = nil
		}
	}
	if exists {
		r.place = old.place
	}
	r.searchID = string(r.id)
	if !t.textIDs {
		r.searchID = t.uuid(string(r.id))
	}
	r.fields.set("id", r.id)
	r.rendered = r.fields.render(t.fields)
	t.rows[r.id] = r
	t.bySearchID[r.searchID] = r.id
	if t.search != nil {
		r.text = searchText(r.fields)
		t.search.changed = append(t.search.changed, r.id)
	}
}

// find returns the record with the id, or nil. The id may be a search id if searchIDs is
// true.
func (t *table) find(id string, searchIDs bool) *row {
	if r, ok := t.rows[growthgenius.ID(id)]; ok {
		return r
	}
	if into, ok := t.merged[growthgenius.ID(id)]; ok {
		return t.find(string(into), searchIDs)
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
	delete(t.byPlace, r.place)
	if i := slices.Index(t.order, r.id); i >= 0 {
		t.order = slices.Delete(t.order, i, i+1)
	}
}

// all returns the newest versions of all records, in the order of creation.
func (t *table) all() []*row {
	rows := make([]*row, 0, len(t.order))
	for _, id := range t.order {
		rows = append(rows, t.rows[id])
	}
	return rows
}

// visible returns the versions of records at a time, without records created since. The
// zero time means now. It changes rows.
func visible(rows []*row, until time.Time) []*row {
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

// renderedAs returns the row as JSON with the given id, which may be its search id. ""
// means the id of the row.
func (t *table) renderedAs(r *row, id string) []byte {
	if id == "" || growthgenius.ID(id) == r.id {
		return r.rendered
	}
	fields := maps.Clone(r.fields)
	fields.set("id", growthgenius.ID(id))
	return fields.render(t.fields)
}

// horizon returns the oldest time that a list or search may still show, or the zero time
// if none lags.
func (s *Server) horizon() time.Time {
	return s.lagged(max(s.cfg.listLag, s.cfg.searchLag))
}

// lagged returns the time that a list or search with lag d shows, or the zero time if
// there is no lag.
func (s *Server) lagged(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return s.recordNow().Add(-d)
}

// LedgerEntry is a create that was carried out, whether or not the client got a response.
type LedgerEntry struct {
	Seq      int             // of the request, see Request.Seq
	Resource string          // "contact" or "message"
	ID       growthgenius.ID // of the record
	ActingAs growthgenius.ID // user_id of the request
	Content  string          // as sent: the JSON object inside the envelope
	Time     time.Time       // when it was carried out, by the server's clock
	Late     bool            // carried out only after a Fault.CommitDelay
}

// Ledger returns all creates that were carried out so far, in order. It does not contain
// records stored by the Add methods.
func (s *Server) Ledger() []LedgerEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ledger)
}
