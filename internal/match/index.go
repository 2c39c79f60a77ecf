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
	groups   map[traits]*indexed[T]
}

// traits are what identifies a record.
type traits struct{ email, name, other bool }

// indexed has the records with the same traits.
type indexed[T comparable] struct {
	members map[T]member
	tables  [tables]map[uint64][]T // by key; nil until something is looked for in it
}

// member is a record that was sent.
type member struct {
	content Row
	names   uint8 // see nameBits
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
	return &Index[T]{resource, map[traits]*indexed[T]{}}
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
	has := x.traitsOf(content)
	group := x.groups[has]
	if group == nil {
		group = &indexed[T]{members: map[T]member{}}
		x.groups[has] = group
	}
	group.members[what] = member{content, nameBits(content)}
	for table, of := range group.tables {
		if of != nil {
			group.enter(x.resource, table, what, content)
		}
	}
}

// Remove removes a record.
func (x *Index[T]) Remove(what T, content Row) {
	group := x.groups[x.traitsOf(content)]
	if group == nil {
		return
	}
	if _, ok := group.members[what]; !ok {
		return
	}
	delete(group.members, what)
	for table, of := range group.tables {
		if of == nil {
			continue
		}
		for _, k := range sentKeys(x.resource, table, content) {
			if left := slices.DeleteFunc(of[k.hash], func(t T) bool { return t == what }); len(left) > 0 {
				of[k.hash] = left
			} else {
				delete(of, k.hash)
			}
		}
	}
}

// Find returns the records that were sent which a record may be like, each once. Most records
// have an e-mail address, and were created with one, so the rest is computed only if needed.
func (x *Index[T]) Find(row Row) []T {
	f := finder[T]{resource: x.resource, row: row}
	mark := Mark(x.resource, row)
	if x.resource == Message {
		for of, group := range x.groups {
			if of.email && mark != "" {
				f.find(group, byMark)
			} else {
				f.all(group)
			}
		}
		return f.found
	}
	email, rest := Fold(row.Text("email")) != "", false
	for of, group := range x.groups {
		switch {
		case of == traits{}:
			f.all(group)
		case of.email && email && mark != "":
			f.find(group, byMark)
			f.find(group, byMarkless)
		case of.email && email:
			f.find(group, byMarkless)
			f.find(group, byAddress)
		default:
			rest = true
		}
	}
	if rest {
		f.findWithoutAddress(x.groups, email)
	}
	return f.found
}

// traitsOf returns what identifies a record. Of a message, it is the number of its contact.
func (x *Index[T]) traitsOf(row Row) traits {
	if x.resource == Message {
		return traits{email: Mark(Message, row) != ""}
	}
	return traits{
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
	resource string
	row      Row
	names    uint8        // of the row, see nameBits
	keys     [tables]keys // of the row, once they are needed
	found    []T
	seen     map[T]bool
}

// findWithoutAddress adds the records that were sent which are not found by an e-mail address.
func (f *finder[T]) findWithoutAddress(groups map[traits]*indexed[T], email bool) {
	blank, name := isBlankContact(f.row), wholeName(f.row) != ""
	f.names = nameBits(f.row)
	for of, group := range groups {
		switch {
		case of == traits{}, of.email && email: // found before
		case blank:
			f.all(group)
		case of.name && name:
			f.find(group, byName)
		default:
			f.find(group, byOther)
		}
	}
}

// find adds the records of a group that have a key of the row.
func (f *finder[T]) find(g *indexed[T], table int) {
	if g.tables[table] == nil {
		g.tables[table] = map[uint64][]T{}
		for what, m := range g.members {
			g.enter(f.resource, table, what, m.content)
		}
	}
	if len(g.tables[table]) == 0 {
		return
	}
	if f.keys[table] == nil {
		f.keys[table] = storedKeys(f.resource, table, f.row)
	}
	for _, k := range f.keys[table] {
		for _, what := range g.tables[table][k.hash] {
			if k.part == 0 || k.part == firstCommon(g.members[what].names&f.names) {
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
