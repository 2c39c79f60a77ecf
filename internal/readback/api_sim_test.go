package readback_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"html"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

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
	owner   wire.ID // the user that the record is for, if that is another one
	dated   bool    // it has a created_at of its own
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
	identity := fmt.Sprintf(`"email":"Ada%d+x@bücher.example","first_name":"Ada"`, c.who)
	switch {
	case resource == match.Message:
		identity = fmt.Sprintf(`"contact_id":%d,"rendered_copy":"Hello, O'Ne\u200bi\u0301l & %d"`, c.who, c.who)
	case c.nameless():
		identity = fmt.Sprintf(`"full_name":"Ada O'By\u200bro\u0301n %d"`, c.who)
	}
	if c.owner != "" {
		identity += `,"user_id":` + string(c.owner)
	}
	if c.dated {
		identity += `,"created_at":"2015-03-01T10:00:00Z"`
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
	order     order         // of a list that is cut short
	exclusive bool          // the bounds of lists
	precision time.Duration // of the times of records
	shared    bool          // lists have the records of all users
	host      time.Duration // the Date header of another host or a proxy, ahead of the others
	each      int           // of so many responses one is from there; 0 for none
	zone      time.Duration // by so much lists take their bounds for later ones
	copies    bool          // a created_at that was sent is also the time of the update
	rewrites  rewriting
}

// order is the order in which the records of a list are cut.
type order int

const (
	oldestFirst order = iota
	newestFirst
	byID
	byHash // as good as random
)

// rewriting is what the API does to the texts that it is sent.
type rewriting int

const (
	kept rewriting = iota
	escaped
	composed // NFC
	folded
	untagged // +tags are dropped
	ascii    // domains
	visible  // without invisible characters
	cut      // markers
)

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
	dates   int
}

// rewrite returns a text as the API stores it.
func (a *api) rewrite(field, text string) string {
	switch {
	case a.rewrites == escaped:
		return html.EscapeString(text)
	case a.rewrites == composed:
		return norm.NFC.String(text)
	case a.rewrites == folded:
		return strings.ToLower(text)
	case a.rewrites == untagged && field == "email":
		return strings.Replace(text, "+x@", "@", 1)
	case a.rewrites == ascii && field == "email":
		return strings.Replace(text, "bücher", "xn--bcher-kva", 1)
	case a.rewrites == visible:
		return strings.ReplaceAll(text, "\u200b", "")
	case a.rewrites == cut && field == "custom9":
		return text[:min(len(text), 12)]
	}
	return text
}

// date returns the time of the Date header.
func (a *api) date() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dates++
	now := time.Now().Add(a.ahead)
	if a.each > 0 && a.dates%a.each == 0 {
		now = now.Add(a.host)
	}
	return now.UTC().Truncate(time.Second)
}

// at returns the time that records of a time of the bubble have.
func (a *api) at(t time.Time) time.Time {
	return t.Add(a.ahead + a.apiPlan.records).UTC().Truncate(a.precision)
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
	if c.dated {
		r.made = time.Date(2015, 3, 1, 10, 0, 0, 0, time.UTC)
		if a.copies {
			r.updated = r.made
		}
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
	for field, raw := range row {
		if text := wire.ScalarText(raw); raw[0] == '"' {
			row[field], _ = wire.Marshal(a.rewrite(field, text)) // a text can be encoded
		}
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
	from, to = from.Add(a.zone).UTC().Truncate(time.Millisecond), to.Add(a.zone).UTC().Truncate(time.Millisecond)
	var in []*record
	for _, r := range a.records {
		if r.deleted || r.shown.After(now) || !a.shared && cmp.Or(r.content.owner, r.content.user) != user {
			continue
		}
		early, late := r.updated.Compare(from), r.updated.Compare(to)
		if early < 0 || late > 0 || a.exclusive && (early == 0 || late == 0) {
			continue
		}
		in = append(in, r)
	}
	if a.most > 0 && len(in) > a.most {
		in = a.first(in)[:a.most]
	}
	slices.SortStableFunc(in, func(x, y *record) int { return x.updated.Compare(y.updated) })
	rows := make([]match.Row, len(in))
	for i, r := range in {
		rows[i] = r.row
	}
	return rows
}

// first sorts the records of a list in the order in which it is cut.
func (a *api) first(in []*record) []*record {
	slices.SortStableFunc(in, func(x, y *record) int {
		switch a.order {
		case newestFirst:
			return y.updated.Compare(x.updated)
		case byID:
			return strings.Compare(string(x.id), string(y.id))
		case byHash:
			hash := func(r *record) uint32 { return crc32.ChecksumIEEE([]byte(r.id)) }
			return cmp.Compare(hash(x), hash(y))
		default:
			return x.updated.Compare(y.updated)
		}
	})
	return in
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
