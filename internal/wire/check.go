package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Check returns an error if a record type, or a record type in its fields, is not as this
// package needs it. It is for tests: a wrong tag would otherwise be ignored, and the
// values of the field lost.
func Check(record reflect.Type) error {
	c := checker{seen: map[reflect.Type]bool{}}
	c.record(record)
	return errors.Join(c.found...)
}

type checker struct {
	seen  map[reflect.Type]bool
	found []error
}

func (c *checker) addf(format string, args ...any) {
	c.found = append(c.found, fmt.Errorf(format, args...))
}

func (c *checker) record(t reflect.Type) {
	if c.seen[t] {
		return
	}
	c.seen[t] = true
	if !isRecord(t) {
		c.addf("%s is not a struct with a field Extra of type map[string]json.RawMessage", t)
		return
	}
	if !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		c.addf("*%s has no UnmarshalJSON", t)
	}
	if !t.Implements(reflect.TypeFor[json.Marshaler]()) {
		c.addf("%s has no MarshalJSON", t)
	}
	names := map[string]bool{}
	for f := range t.Fields() {
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Name == "Extra" && name == "" && rest == "embed,unknown":
			continue
		case f.Name == "Extra" || name == "" || rest != "omitzero" || !f.IsExported():
			c.addf("%s.%s is tagged %q", t, f.Name, f.Tag.Get("json"))
		case names[name]:
			c.addf("%s has two fields named %q", t, name)
		default:
			c.field(t, f)
		}
		names[name] = true
	}
	c.traits(t, names)
}

// field checks the type of a field.
func (c *checker) field(t reflect.Type, f reflect.StructField) {
	elem := elementOf(f.Type)
	if elem.Kind() == reflect.Struct && elem != reflect.TypeFor[time.Time]() {
		c.record(elem)
		return
	}
	switch shapeOf(elem).kind {
	case shapeText, shapeNumber, shapeFlag: // which the decoder fills itself
		if reflect.PointerTo(elem).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			c.addf("%s.%s is a %s, whose UnmarshalJSON is not used; see Identifier",
				t, f.Name, elem)
		}
	default:
	}
}

// traits checks that the traits of a type fit the names of its fields.
func (c *checker) traits(t reflect.Type, names map[string]bool) {
	found, ok := described.Load(t)
	if !ok {
		return
	}
	d := found.(traits)
	if names[d.wrapper] && d.wrapper != "" {
		c.addf("the wrapper %q of %s is a field", d.wrapper, t)
	}
	for _, wrong := range slices.Sorted(maps.Keys(d.alias)) {
		if right := d.alias[wrong]; names[wrong] || !names[right] || right == "" {
			c.addf("the alias %q of %s must not be a field, and %q must be one", wrong, t, right)
		}
	}
}
