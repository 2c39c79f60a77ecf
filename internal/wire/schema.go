package wire

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// Traits describe what is particular to a record type T. Most types need none.
type Traits[T any] struct {
	// Wrapper is the key of an object that may stand around the record, such as "contact"
	// for {"contact": {...}}.
	Wrapper string
	// Named reports whether the record itself identifies what it is about. One that does not
	// may be a wrapper with other keys beside the record, which are then merged into it. If
	// Named is nil, only a wrapper without other keys is removed.
	Named func(*T) bool
	// Alias maps misspelled keys to the right ones. The value of a misspelled key fills the
	// field of the right one, unless both came and they differ.
	Alias map[string]string
}

// Describe registers the traits of a record type. It must be called before the first
// record of the type is decoded, as in a package-level "var _ = wire.Describe(...)".
func Describe[T any](t Traits[T]) struct{} {
	d := traits{wrapper: t.Wrapper, alias: maps.Clone(t.Alias)}
	if t.Named != nil {
		d.named = func(record any) bool { return t.Named(record.(*T)) }
	}
	described.Store(reflect.TypeFor[T](), d)
	return struct{}{}
}

// Identifier registers T as a type of ids: a field of this type takes JSON numbers and
// strings alike. It must be called before the first record with such a field is decoded.
func Identifier[T ~string]() struct{} {
	identifiers.Store(reflect.TypeFor[T](), true)
	return struct{}{}
}

// traits are Traits without their type parameter.
type traits struct {
	wrapper string
	named   func(record any) bool // record is a *T
	alias   map[string]string
}

var (
	described   sync.Map // reflect.Type -> traits
	identifiers sync.Map // reflect.Type -> true
	schemas     sync.Map // reflect.Type -> *schema
)

var rawMapType = reflect.TypeFor[map[string]json.RawMessage]()

// schema is what is known of a record type: which JSON name belongs to which field, and
// its traits.
type schema struct {
	name   string         // of the type, for log lines: "Contact"
	index  map[string]int // JSON name -> field
	names  []string       // field -> JSON name
	shapes []*shape       // field -> what it is filled with
	extra  int            // the field Extra; -1 if there is none
	nested []int          // the fields that hold further records
	flags  []int          // the flags that are written even if they are false: tagged `wire:"always"`

	// The API writes the fields of a record in the order of their names, so the decoder
	// tries the next field in that order before it looks the name up.
	members []*member          // in that order
	places  map[string]*member // by name

	wrapper string
	named   func(record any) bool
	aliases []alias
}

// member is a field as the decoder sees it.
type member struct {
	name   string
	quoted string // the name as it is written before a value: `"id":`
	place  int    // in the order of the names
	field  int
	shape  *shape
}

// alias is a misspelled key and the field that it fills.
type alias struct {
	name  string
	field int
}

// isRecord reports whether t is a struct that keeps what it does not know in a field
// Extra.
func isRecord(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	f, ok := t.FieldByName("Extra")
	return ok && f.Type == rawMapType
}

func schemaOf(t reflect.Type) *schema {
	if s, ok := schemas.Load(t); ok {
		return s.(*schema)
	}
	actual, _ := schemas.LoadOrStore(t, newSchema(t))
	return actual.(*schema)
}

func newSchema(t reflect.Type) *schema {
	s := &schema{
		name:   t.Name(),
		index:  make(map[string]int, t.NumField()),
		names:  make([]string, t.NumField()),
		shapes: make([]*shape, t.NumField()),
		places: make(map[string]*member, t.NumField()),
		extra:  -1,
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "Extra" {
			s.extra = i
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		s.index[name], s.names[i], s.shapes[i] = i, name, shapeOf(f.Type)
		s.places[name] = &member{name: name, quoted: `"` + name + `":`, field: i, shape: s.shapes[i]}
		if f.Type.Kind() == reflect.Bool && f.Tag.Get("wire") == "always" {
			s.flags = append(s.flags, i)
		}
		if isRecord(elementOf(f.Type)) {
			s.nested = append(s.nested, i)
		}
	}
	for place, name := range slices.Sorted(maps.Keys(s.places)) {
		s.places[name].place = place
		s.members = append(s.members, s.places[name])
	}
	s.describe(t)
	return s
}

// describe takes over the traits of the type.
func (s *schema) describe(t reflect.Type) {
	found, ok := described.Load(t)
	if !ok {
		return
	}
	d := found.(traits)
	s.wrapper, s.named = d.wrapper, d.named
	for _, name := range slices.Sorted(maps.Keys(d.alias)) {
		if i, known := s.index[d.alias[name]]; known {
			s.aliases = append(s.aliases, alias{name, i})
		}
	}
}

// elementOf returns the type that is left when all pointers and slices are removed from
// t.
func elementOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// member moves past the name of a member, which is probably that of the field at this place of
// the order. The field is nil if none has that name.
func (s *schema) member(d *decoder, w *walk, place int) (name string, m *member) {
	if place < len(s.members) {
		if m = s.members[place]; w.named(m.quoted) {
			return m.name, m
		}
	}
	unquoted := d.name(w.name())
	if m := s.places[string(unquoted)]; m != nil {
		return m.name, m
	}
	return string(unquoted), nil
}

// shape is what a field is filled with.
type shape struct {
	kind shapeKind
	elem *shape // of a pointer or a list
}

type shapeKind int

const (
	shapeOther shapeKind = iota // decoded by the JSON library
	shapeText
	shapeID
	shapeNumber
	shapeFlag
	shapeTime
	shapeRaw
	shapeRecord
	shapePointer
	shapeList
)

func shapeOf(t reflect.Type) *shape {
	switch {
	case isIdentifier(t):
		return &shape{kind: shapeID}
	case t == reflect.TypeFor[time.Time]():
		return &shape{kind: shapeTime}
	case t == reflect.TypeFor[json.RawMessage]():
		return &shape{kind: shapeRaw}
	case isRecord(t):
		return &shape{kind: shapeRecord}
	}
	switch t.Kind() {
	case reflect.String:
		return &shape{kind: shapeText}
	case reflect.Int:
		return &shape{kind: shapeNumber}
	case reflect.Bool:
		return &shape{kind: shapeFlag}
	case reflect.Pointer:
		return &shape{kind: shapePointer, elem: shapeOf(t.Elem())}
	case reflect.Slice:
		return &shape{kind: shapeList, elem: shapeOf(t.Elem())}
	default:
		return &shape{}
	}
}

func isIdentifier(t reflect.Type) bool {
	_, ok := identifiers.Load(t)
	return ok || t == reflect.TypeFor[ID]()
}
