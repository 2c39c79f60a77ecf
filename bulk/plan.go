package bulk

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// matched are the contacts that have the e-mail address of a row, as lists show them.
type matched struct {
	id      growthgenius.ID // of the one that is updated; empty if there is none
	created time.Time
	was     []byte            // its values of the fields that the row sets, as JSON
	others  []growthgenius.ID // more contacts with the address
	near    []growthgenius.ID // contacts whose address the API may have made of it
}

// observe notes a contact for each row that it matches. owner is the first row of the address
// for which an import has created the contact, or -1.
func (im *importer) observe(c *growthgenius.Contact, owner int) {
	t := im.table
	var exact, near []int
	for _, i := range t.near(c.Email) {
		switch match.Addresses(t.rows[i].email, c.Email) {
		case match.Exact:
			exact = append(exact, i)
		case match.Near:
			near = append(near, i)
		case match.Unlike:
		}
	}
	if owner >= 0 {
		exact, near = []int{owner}, nil // whatever the API has made of its address
	}
	var values match.Row
	for r := range t.waiting(exact) {
		if values == nil {
			values = valuesOf(c)
		}
		r.found.add(c, t.keep(r.valuesIn(values)), im.Oldest)
	}
	if len(exact) > 0 {
		return // the contact of one row is not near that of another
	}
	for r := range t.waiting(near) {
		if !slices.Contains(r.found.near, c.ID) {
			r.found.near = append(r.found.near, c.ID)
		}
	}
}

// waiting returns the rows for which nothing was done yet, of those with the address of some
// first rows.
func (t *table) waiting(firsts []int) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		for _, i := range firsts {
			for ; i >= 0; i = t.rows[i].next {
				if r := &t.rows[i]; r.state == waiting && !yield(r) {
					return
				}
			}
		}
	}
}

// add adds a contact that has the address.
func (f *matched) add(c *growthgenius.Contact, was []byte, oldest bool) {
	switch {
	case f.id == "", f.id == c.ID:
		f.id, f.created, f.was = c.ID, c.CreatedAt, was
	case oldest && c.CreatedAt.Before(f.created):
		f.others = append(f.others, f.id)
		f.id, f.created, f.was = c.ID, c.CreatedAt, was
	case !slices.Contains(f.others, c.ID):
		f.others = append(f.others, c.ID)
	}
}

// valuesOf returns a contact as its fields in JSON.
func valuesOf(c *growthgenius.Contact) match.Row {
	var values match.Row
	if raw, err := wire.MarshalVerbatim(c); err == nil {
		_ = wire.Unmarshal(raw, &values)
	}
	return values
}

// valuesIn returns the values of a contact for the fields that the row sets, as JSON.
func (r *row) valuesIn(contact match.Row) []byte {
	return encode(pick(contact, r.values()))
}

// pick returns the values of a contact for the fields of another record.
func pick(contact, fields match.Row) match.Row {
	picked := match.Row{}
	for field := range fields {
		if value, ok := contact[field]; ok {
			picked[field] = value
		}
	}
	return picked
}

// encode returns a value as JSON. What comes from the API is valid JSON, so it cannot fail.
func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return raw
}

func decode(raw []byte) match.Row {
	values := match.Row{}
	_ = wire.Unmarshal(raw, &values)
	return values
}

// step is what is to be done for a row.
type step struct {
	outcome Outcome
	id      growthgenius.ID
	set     match.Row // values to send
	was     match.Row // what the contact has in their place
	field   string
	err     error
}

// compare returns what is to be done for a row. was are the values of the contact that it matches
// in the fields of the row, and empty if it matches none.
func (im *importer) compare(r *row, id growthgenius.ID, was match.Row) step {
	f := &r.found
	switch {
	case r.open: // its contact may be there
		return step{outcome: Created, set: r.values()}
	case len(f.others) > 0 && !im.Oldest:
		ids := append([]growthgenius.ID{f.id}, f.others...)
		return step{outcome: Rejected, field: "email", err: fmt.Errorf("%w: %d contacts have the e-mail address: %s",
			growthgenius.ErrMultipleMatches, len(ids), list(ids))}
	case id == "" && len(f.near) > 0:
		return step{outcome: Rejected, field: "email", err: fmt.Errorf(
			"%w: the API may have rewritten the e-mail address (ids of contacts that may be meant: %s): write it as that contact has it, or create the contact yourself",
			growthgenius.ErrMultipleMatches, list(f.near))}
	case id == "":
		return step{outcome: Created, set: r.values()}
	case im.Mode == CreateOnly:
		return step{outcome: Skipped, id: id, field: "email", err: errors.New("a contact has the e-mail address, and the import only creates")}
	}
	s := step{outcome: Unchanged, id: id, set: match.Row{}, was: match.Row{}}
	for field, value := range r.values() {
		old := was[field]
		switch {
		case field == "email", match.Exactly(field, value, old), im.Mode == FillBlanks && !isBlank(old):
			continue
		}
		s.outcome = Updated
		s.set[field], s.was[field] = value, old
	}
	return s
}

// isBlank reports whether a contact has no value in a field.
func isBlank(value json.RawMessage) bool {
	return match.Same(value, nil) || match.Fold(wire.ScalarText(value)) == "nan" // what the API has for no phone number
}

func list(ids []growthgenius.ID) string {
	const most = 10
	texts := make([]string, 0, most)
	for _, id := range ids[:min(len(ids), most)] {
		texts = append(texts, string(id))
	}
	text := strings.Join(texts, ", ")
	if n := len(ids) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// changes returns what the step changes, by the names of the fields.
func (s *step) changes() []Change {
	if s.outcome != Created && s.outcome != Updated {
		return nil
	}
	all := make([]Change, 0, len(s.set))
	for field, value := range s.set {
		c := Change{Field: field, Old: s.was[field], New: value}
		if wire.KindOf(c.Old) == wire.KindNull {
			c.Old = nil
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Change) int { return cmp.Compare(a.Field, b.Field) })
	return all
}

// sum is a digest of what the step does.
func (s *step) sum() uint64 {
	h := sha256.New()
	fmt.Fprintf(h, "%s %q %q", s.outcome, s.id, s.field)
	for _, c := range s.changes() {
		fmt.Fprintf(h, " %q %q %q", c.Field, c.Old, c.New)
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// chained is what the rows of an address have come to so far.
type chained struct {
	of     int             // the first row that was not rejected; -1 if there is none
	id     growthgenius.ID // of the contact; empty if it is not known
	values match.Row       // of the contact, as far as they are known
	broken Outcome         // of a row that was not carried out, so that the next ones cannot be
	busy   bool            // a row is under way

	replanned bool // what is to be done for the first row is not what the dry run has said
}

// next returns what is to be done for the next row of an address.
func (im *importer) next(c *chained, i int) step {
	r := &im.table.rows[i]
	switch {
	case c.of < 0, r.open:
		return im.compare(r, r.found.id, decode(r.found.was))
	case im.Repeats == SkipRepeats:
		return step{outcome: Duplicate}
	case c.broken != "":
		return step{outcome: Failed, field: "email", err: fmt.Errorf(
			"line %d has the same e-mail address, and is %s: run the import again", im.table.rows[c.of].line, c.broken)}
	}
	was := decode(r.found.was)
	maps.Copy(was, pick(c.values, r.values()))
	return im.compare(r, cmp.Or(c.id, r.found.id), was)
}

// done notes what became of a row. contact is the contact afterwards, if that is known.
func (c *chained) done(i int, id growthgenius.ID, outcome Outcome, contact match.Row) {
	if outcome == Rejected || outcome == Duplicate {
		return
	}
	if c.of < 0 {
		c.of, c.values = i, decode(nil)
	}
	if outcome == Failed || outcome == Unknown || outcome == Pending {
		c.broken = outcome
	}
	c.id = cmp.Or(id, c.id, planned)
	maps.Copy(c.values, contact)
}

// planned stands for the id of a contact that a dry run would create.
const planned growthgenius.ID = "planned"
