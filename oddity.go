package growthgenius

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// How an answer differs from the reference.

// commentKey stands in the reference's own search sample, for "and so on".
const commentKey = "//"

// envelopeRecord is the record of an oddity in the envelope around the records.
const envelopeRecord = "the answer"

// oddity is a field that was not as the reference describes it.
type oddity struct {
	record  string // "Contact"
	field   string // the JSON name
	unknown bool   // no field of that name is known; else its type was unexpected
	kind    kind   // of the value that came
}

func (o oddity) String() string {
	o.field = redact.Printable(o.field)
	if o.unknown {
		return fmt.Sprintf("%s.%s is unknown (%s)", o.record, o.field, o.kind)
	}
	return fmt.Sprintf("%s.%s has an unexpected type (%s)", o.record, o.field, o.kind)
}

// eachOddity reports what v, a pointer to a record, and the records in it keep in Extra.
func eachOddity(v reflect.Value, report func(oddity)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachOddity(v.Elem(), report)
		}
		return
	case reflect.Slice:
		for i := range v.Len() {
			eachOddity(v.Index(i), report)
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
			report(oddity{record: s.name, field: name, unknown: !known, kind: kindOf(raw)})
		}
	}
	for _, i := range s.nested {
		eachOddity(v.Field(i), report)
	}
}

// strays are the keys of an envelope that are none of the records', each once.
type strays []oddity

func (s *strays) add(name string, k kind) {
	o := oddity{record: envelopeRecord, field: name, unknown: true, kind: k}
	if len(*s) < maxSeen && !slices.Contains(*s, o) {
		*s = append(*s, o)
	}
}

const (
	maxSeen      = 1000
	maxFieldName = 100 // bytes; an answer could name a field with megabytes
)
