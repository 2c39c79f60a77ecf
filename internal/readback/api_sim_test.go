package readback_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

var resources = []string{match.Contact, match.Message}

// content is what a create sends, and what another program may have created.
type content struct {
	who     int // contents with different numbers have nothing in common
	variant variant
	user    wire.ID
	marker  string
}

// variant is a record of the same contact.
type variant int

const (
	plain    variant = iota
	similar          // another field that was sent is different
	wider            // it has a field more
	stranger         // like similar, and no create of the history sends it
)

var variants = map[string][4]string{
	match.Contact: {plain: `"title":"CTO %d"`, similar: `"title":"CEO %d"`, wider: `"title":"CTO %d","city":"Rome"`, stranger: `"title":"CFO %d"`},
	match.Message: {plain: `"message_type":"email %d"`, similar: `"message_type":"call %d"`, wider: `"message_type":"email %d","sent_at":"2019-08-09T11:10:41.275Z"`, stranger: `"message_type":"letter %d"`},
}

// nameless reports whether a contact has no e-mail address: each third has none.
func (c content) nameless() bool { return c.who%3 == 2 }

// json returns the record as a client sends it.
func (c content) json(resource string) json.RawMessage {
	identity := fmt.Sprintf(`"email":"ada%d@example.com","first_name":"Ada"`, c.who)
	switch {
	case resource == match.Message:
		identity = fmt.Sprintf(`"contact_id":%d,"rendered_copy":"Hello %d"`, c.who, c.who)
	case c.nameless():
		identity = fmt.Sprintf(`"full_name":"Ada Byron %d"`, c.who)
	}
	text := "{" + identity + "," + fmt.Sprintf(variants[resource][c.variant], c.who)
	if c.marker != "" {
		text += `,"custom9":"` + c.marker + `"`
	}
	return json.RawMessage(text + "}")
}

// record is what the API has stored.
type record struct {
	id      wire.ID
	row     match.Row
	content content
	maker   int       // the number of the create, or -1 for another program
	made    time.Time // by the clock of the records
	updated time.Time
	shown   time.Time // from when on lists have it, by the clock of the bubble
	deleted bool
}

// apiPlan is how the simulated API behaves. It never breaks what docs/reliability.md takes
// for granted.
type apiPlan struct {
	ahead     time.Duration // the clock of its Date header, ahead of the bubble's
	records   time.Duration // the clock of its records, ahead of that
	noDate    bool
	late      time.Duration // how long after a request a late commit comes
	lag       time.Duration // of the lists
	most      int           // records in a list; 0 for no limit
	newest    bool          // a list that is cut short has the newest records
	exclusive bool          // the bounds of lists
	coarse    bool          // times of records have whole seconds
	shared    bool          // lists have the records of all users
}

// api is an API without idempotency keys, in memory. commits is the ledger of the test: how
// many records each create has made.
type api struct {
	apiPlan
	resource string

	mu      sync.Mutex // guards what follows
	records []*record
	commits []int
	freed   []wire.ID // of deleted records
	last    time.Time
}

// date returns the time of the Date header.
func (a *api) date() time.Time { return time.Now().Add(a.ahead).UTC().Truncate(time.Second) }

// at returns the time that records of a time of the bubble have.
func (a *api) at(t time.Time) time.Time {
	precision := time.Millisecond
	if a.coarse {
		precision = time.Second
	}
	return t.Add(a.ahead + a.apiPlan.records).UTC().Truncate(precision)
}

func (a *api) now() time.Time { return a.at(time.Now()) }

// commit stores a new record.
func (a *api) commit(c content, maker int) *record {
	a.mu.Lock()
	defer a.mu.Unlock()
	made := a.now()
	if after := a.last.Add(5 * time.Millisecond); a.most > 0 && made.Before(after) {
		made = after // a list that is cut between records of one time cannot be seen through
	}
	a.last = made
	if maker >= 0 {
		a.commits[maker]++
	}
	return a.store(c, maker, made)
}

// store needs mu.
func (a *api) store(c content, maker int, made time.Time) *record {
	r := &record{content: c, maker: maker, made: made, updated: made, shown: time.Now().Add(a.lag)}
	r.id = wire.ID(strconv.Itoa(100 + len(a.records)))
	if n := len(a.freed); n > 0 {
		r.id, a.freed = a.freed[n-1], a.freed[:n-1]
	}
	r.row = a.row(c, r.id, r.made, r.updated)
	a.records = append(a.records, r)
	return r
}

// row returns a record as responses have it. Only contacts have times.
func (a *api) row(c content, id wire.ID, made, updated time.Time) match.Row {
	var row match.Row
	if err := wire.Unmarshal(c.json(a.resource), &row); err != nil {
		panic(err)
	}
	row["id"] = json.RawMessage(id)
	if a.resource == match.Contact {
		row["created_at"] = json.RawMessage(made.Format(`"` + time.RFC3339Nano + `"`))
		row["updated_at"] = json.RawMessage(updated.Format(`"` + time.RFC3339Nano + `"`))
	}
	return row
}

// edit updates a record now.
func (a *api) edit(r *record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.updated = a.now()
	r.row = a.row(r.content, r.id, r.made, r.updated)
}

// remove deletes a record. Its id is used again.
func (a *api) remove(id wire.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.records {
		if r.id == id && !r.deleted {
			r.deleted = true
			a.freed = append(a.freed, id)
		}
	}
}

// list returns the rows of the updated-between list.
func (a *api) list(user wire.ID, from, to time.Time) []match.Row {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	from, to = from.UTC().Truncate(time.Millisecond), to.UTC().Truncate(time.Millisecond)
	var in []*record
	for _, r := range a.records {
		if r.deleted || r.shown.After(now) || !a.shared && r.content.user != user {
			continue
		}
		early, late := r.updated.Compare(from), r.updated.Compare(to)
		if early < 0 || late > 0 || a.exclusive && (early == 0 || late == 0) {
			continue
		}
		in = append(in, r)
	}
	slices.SortStableFunc(in, func(x, y *record) int { return x.updated.Compare(y.updated) })
	if a.most > 0 && len(in) > a.most {
		if a.newest {
			in = in[len(in)-a.most:]
		} else {
			in = in[:a.most]
		}
	}
	rows := make([]match.Row, len(in))
	for i, r := range in {
		rows[i] = r.row
	}
	return rows
}

// rowOf returns a record as a response has it.
func (a *api) rowOf(r *record) match.Row {
	a.mu.Lock()
	defer a.mu.Unlock()
	return r.row
}

// find returns the record that has an id now.
func (a *api) find(id wire.ID) *record {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range slices.Backward(a.records) {
		if r.id == id && !r.deleted {
			return r
		}
	}
	return nil
}
