package match

import "slices"

// Index finds the records that were sent which a record may be like, so that it need not be
// compared with each of them: of those that it does not find, [Compare] returns Unlike. It
// finds few others, and it does not know a likeness that the functions of this package do not.
//
// Records are found by what identifies them, in the way that servers may have written it. A
// record with nothing that identifies it may be like any other, and so may be a message
// without the number of a contact.
type Index[T comparable] struct {
	resource string
	groups   map[kind]*indexed[T]
	walked   int // entries of tables that were looked at
}

// kind is what identifies a record.
type kind struct {
	email, name, other bool
	names              uint8 // see nameBits
}

// isNone reports whether nothing identifies a record.
func (k kind) isNone() bool { return !k.email && !k.name && !k.other }

// indexed has the records of a kind.
type indexed[T comparable] struct {
	members map[T]Row
	tables  [tables]map[uint64][]T // by key; nil until something is looked for in it
	gone    int                    // how many records were removed which the tables may still have
}

// The tables of an index, by what the keys are made of.
const (
	byMark     = iota
	byMarkless // e-mail addresses without a mark
	byAddress  // those with one
	byName
	byOther // telephone numbers and pages
	tables
)

// NewIndex returns an index without any records.
func NewIndex[T comparable](resource string) *Index[T] {
	return &Index[T]{resource: resource, groups: map[kind]*indexed[T]{}}
}

// Len returns how many records the index has.
func (x *Index[T]) Len() (n int) {
	for _, group := range x.groups {
		n += len(group.members)
	}
	return n
}

// Add adds a record that was sent.
func (x *Index[T]) Add(what T, content Row) {
	of := x.kindOf(content)
	group := x.groups[of]
	if group == nil {
		group = &indexed[T]{members: map[T]Row{}}
		x.groups[of] = group
	}
	group.members[what] = content
	for table, entries := range group.tables {
		if entries != nil {
			group.enter(x.resource, table, what, content)
		}
	}
}

// Remove removes a record. Its entries stay in the tables until most of them are of records
// that were removed: very many records may have a key in common.
func (x *Index[T]) Remove(what T, content Row) {
	group := x.groups[x.kindOf(content)]
	if group == nil {
		return
	}
	if _, ok := group.members[what]; !ok {
		return
	}
	delete(group.members, what)
	group.gone++
	if group.gone > len(group.members) {
		group.tables, group.gone = [tables]map[uint64][]T{}, 0
	}
}

// Find returns the records that were sent which a record may be like, each once. Most records
// have an e-mail address, and were created with one, so the rest is computed only if needed.
func (x *Index[T]) Find(row Row) []T {
	f := finder[T]{index: x, row: row}
	mark := Mark(x.resource, row)
	if x.resource == Message {
		for of, group := range x.groups {
			if of.email && mark != "" {
				f.find(of, group, byMark)
			} else {
				f.all(group)
			}
		}
		return f.found
	}
	email, rest := Fold(row.Text("email")) != "", false
	for of, group := range x.groups {
		switch {
		case of.isNone():
			f.all(group)
		case of.email && email && mark != "":
			f.find(of, group, byMark)
			f.find(of, group, byMarkless)
		case of.email && email:
			f.find(of, group, byMarkless)
			f.find(of, group, byAddress)
		default:
			rest = true
		}
	}
	if rest {
		f.findWithoutAddress(email)
	}
	return f.found
}

// kindOf returns what identifies a record. Of a message, it is the number of its contact.
func (x *Index[T]) kindOf(row Row) kind {
	if x.resource == Message {
		return kind{email: Mark(Message, row) != ""}
	}
	return kind{
		names: nameBits(row),
		email: Fold(row.Text("email")) != "",
		name:  wholeName(row) != "",
		other: slices.ContainsFunc(phoneFields, func(field string) bool { return Fold(phoneOf(row, field)) != "" }) ||
			slices.ContainsFunc(pageFields, func(field string) bool { return Fold(row.Text(field)) != "" }),
	}
}

// isBlankContact reports whether a contact does not say of itself which one it is.
func isBlankContact(row Row) bool {
	return row.Text("email") == "" && wholeName(row) == "" &&
		!slices.ContainsFunc(phoneFields, func(field string) bool { return phoneOf(row, field) != "" }) &&
		!slices.ContainsFunc(pageFields, func(field string) bool { return row.Text(field) != "" })
}

// enter adds a record to a table.
func (g *indexed[T]) enter(resource string, table int, what T, content Row) {
	for _, k := range sentKeys(resource, table, content) {
		g.tables[table][k.hash] = append(g.tables[table][k.hash], what)
	}
}

// finder collects what an index has for one record.
type finder[T comparable] struct {
	index *Index[T]
	row   Row
	names uint8        // of the row, see nameBits
	keys  [tables]keys // of the row, once they are needed
	found []T
	seen  map[T]bool
}

// findWithoutAddress adds the records that were sent which are not found by an e-mail address.
func (f *finder[T]) findWithoutAddress(email bool) {
	blank, name := isBlankContact(f.row), wholeName(f.row) != ""
	f.names = nameBits(f.row)
	for of, group := range f.index.groups {
		switch {
		case of.isNone(), of.email && email: // found before
		case blank:
			f.all(group)
		case of.name && name:
			f.find(of, group, byName)
		default:
			f.find(of, group, byOther)
		}
	}
}

// find adds the records of a group that have a key of the row. Of the names, only those of the
// first field count that both have: very many records may have another one in common.
func (f *finder[T]) find(of kind, g *indexed[T], table int) {
	if g.tables[table] == nil {
		g.tables[table] = map[uint64][]T{}
		for what, content := range g.members {
			g.enter(f.index.resource, table, what, content)
		}
	}
	if len(g.tables[table]) == 0 {
		return
	}
	if f.keys[table] == nil {
		f.keys[table] = storedKeys(f.index.resource, table, f.row)
	}
	for _, k := range f.keys[table] {
		if k.part != 0 && k.part != firstCommon(of.names&f.names) {
			continue
		}
		for _, what := range g.tables[table][k.hash] {
			f.index.walked++
			if _, ok := g.members[what]; ok {
				f.add(what)
			}
		}
	}
}

// all adds the records of a group.
func (f *finder[T]) all(g *indexed[T]) {
	for what := range g.members {
		f.add(what)
	}
}

func (f *finder[T]) add(what T) {
	if f.seen[what] {
		return
	}
	if f.seen == nil {
		f.seen = map[T]bool{}
	}
	f.seen[what] = true
	f.found = append(f.found, what)
}
