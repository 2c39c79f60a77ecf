package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// commentKey is a key in the search sample of the reference, which stands for "and so
// on".
const commentKey = "//"

// EnvelopeRecord is the Record of an oddity in the envelope around the records.
const EnvelopeRecord = "the response"

// Oddity is a field of a response that is not as the reference describes it.
type Oddity struct {
	Record  string // "Contact"
	Field   string // the JSON name, of any length and with any characters
	Unknown bool   // there is no such field; otherwise its value was of an unexpected type
	Kind    Kind   // of the value in the response
}

// String describes the oddity in printable text.
func (o Oddity) String() string {
	o.Field = redact.Printable(o.Field)
	if o.Unknown {
		return fmt.Sprintf("%s.%s is unknown (%s)", o.Record, o.Field, o.Kind)
	}
	return fmt.Sprintf("%s.%s has an unexpected type (%s)", o.Record, o.Field, o.Kind)
}

// Oddities calls report for all that a record and the records in it keep in Extra. record
// is a pointer to a record or to a list of records. A nil pointer has no oddities.
func Oddities(record any, report func(Oddity)) {
	oddities(reflect.ValueOf(record), report)
}

func oddities(v reflect.Value, report func(Oddity)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			oddities(v.Elem(), report)
		}
		return
	case reflect.Slice:
		for i := range v.Len() {
			oddities(v.Index(i), report)
		}
		return
	default:
	}
	s := schemaOf(v.Type())
	if extra := v.Field(s.extra); extra.Len() > 0 {
		for name, raw := range extra.Interface().(map[string]json.RawMessage) {
			if name == commentKey {
				continue
			}
			_, known := s.index[name]
			report(Oddity{Record: s.name, Field: name, Unknown: !known, Kind: kindOfOdd(raw)})
		}
	}
	for _, i := range s.nested {
		oddities(v.Field(i), report)
	}
}

// Strays collects the keys of an envelope that do not hold records, each once.
type Strays []Oddity

const (
	maxStrays = 1000 // in Strays
	// maxStray bounds the names in Strays: a response could have one of megabytes. Nothing is
	// kept of a longer one, since the part of a name could be a part of the API key.
	maxStray = 1 << 10
)

// Add is a [Stray]. It adds a key unless it is there already, or Strays is full.
func (s *Strays) Add(name string, k Kind) {
	if len(*s) == maxStrays {
		return
	}
	if len(name) > maxStray {
		name = "…"
	}
	o := Oddity{Record: EnvelopeRecord, Field: name, Unknown: true, Kind: k}
	if !slices.Contains(*s, o) {
		*s = append(*s, o)
	}
}

// kindOfOdd is KindOf, and tells text that cannot be decoded.
func kindOfOdd(raw json.RawMessage) Kind {
	if k := KindOf(raw); k != KindText || checkText(raw) == nil {
		return k
	}
	return kindNotText
}
