package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/growthgenius/growthgenius-go/internal/errs"
)

// UnmarshalRecord is the UnmarshalJSON of every record. record is a pointer to the record
// itself. The whole record is replaced, so that decoding into a variable that was used
// before leaves nothing of its former value. JSON null changes nothing.
func UnmarshalRecord(data []byte, record any) error {
	dec := bodyDecoders.Get().(*bodyDecoder)
	defer dec.giveBack()
	if done, err := dec.records.document(data, reflect.ValueOf(record).Elem()); done {
		return err
	}
	dec.open(data)
	valid, err := dec.whole()
	if err != nil || KindOf(valid) == KindNull {
		return err
	}
	return dec.records.record(valid, record)
}

// document is object for data that has nothing but an object. It reports whether it has, and
// leaves v unchanged otherwise.
func (d *decoder) document(data []byte, v reflect.Value) (done bool, err error) {
	w := walk{data: data}
	if w.token() != '{' {
		return false, nil
	}
	spares := sparesOf(v.Type())
	spare := spares.Get()
	filled := reflect.ValueOf(spare).Elem()
	err = d.object(&w, filled)
	if done = w.token() == 0 && w.at == len(data) && !w.bad; done {
		v.Set(filled)
	}
	filled.SetZero()
	spares.Put(spare)
	return done, err
}

// spares are pools of empty records: a type -> a *sync.Pool of pointers to it.
var spares sync.Map

func sparesOf(t reflect.Type) *sync.Pool {
	if pool, ok := spares.Load(t); ok {
		return pool.(*sync.Pool)
	}
	pool, _ := spares.LoadOrStore(t, &sync.Pool{New: func() any { return reflect.New(t).Interface() }})
	return pool.(*sync.Pool)
}

// MarshalRecord is the MarshalJSON of every record. record is a pointer to a copy of the
// record, converted to a type without methods:
//
//	func (c Contact) MarshalJSON() ([]byte, error) {
//		type plain Contact
//		return wire.MarshalRecord((*plain)(&c))
//	}
//
// A key in Extra replaces the field of that name. Every field of a record is tagged
// omitzero, so clearing the field is enough for the key to be written once. A flag that is
// tagged wire:"always" is written even if it is false. Raw values are written as they were read, even if their text is not
// valid UTF-8; in a field such text is an error.
func MarshalRecord(record any) ([]byte, error) {
	v := reflect.ValueOf(record).Elem()
	s := schemaOf(v.Type())
	extra := v.Field(s.extra).Interface().(map[string]json.RawMessage)
	for name := range extra {
		if i, known := s.index[name]; known {
			v.Field(i).SetZero()
		}
	}
	if len(s.flags) > 0 {
		extra = maps.Clone(extra)
		if extra == nil {
			extra = map[string]json.RawMessage{}
		}
		for _, i := range s.flags {
			if _, replaced := extra[s.names[i]]; !replaced && !v.Field(i).Bool() {
				extra[s.names[i]] = json.RawMessage("false")
			}
		}
		v.Field(s.extra).Set(reflect.ValueOf(extra))
	}
	data, err := Marshal(record)
	if err == nil || !s.hasValidText(v) {
		return data, err
	}
	return jsonv2.Marshal(record, verbatimOptions)
}

// hasValidText reports whether the text in the fields of a record is valid UTF-8. Records in
// it check their own.
func (s *schema) hasValidText(v reflect.Value) bool {
	for i, shape := range s.shapes {
		if shape != nil && !hasValidText(v.Field(i)) {
			return false
		}
	}
	return true
}

func hasValidText(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return utf8.ValidString(v.String())
	case reflect.Slice:
		for i := range v.Len() {
			if !hasValidText(v.Index(i)) {
				return false
			}
		}
	}
	return true
}

// MarshalInput is the MarshalJSON of every input: a struct with a field Extra of type
// map[string]any. input is a pointer to a copy, converted to a type without methods.
func MarshalInput(input any) ([]byte, error) {
	v := reflect.ValueOf(input).Elem()
	slot := v.FieldByName("Extra")
	extra, err := EncodeExtra(v.Type(), slot.Interface().(map[string]any))
	if err != nil {
		return nil, err
	}
	slot.Set(reflect.ValueOf(extra))
	return Marshal(input)
}

// UnmarshalInput is the UnmarshalJSON of every input. input is a pointer to the input
// itself, converted to a type without methods. Numbers in Extra become json.Number,
// because a float64 would round large ones.
func UnmarshalInput(data []byte, input any) error {
	if err := Unmarshal(data, input); err != nil {
		return err
	}
	extra := reflect.ValueOf(input).Elem().FieldByName("Extra").Interface().(map[string]any)
	if len(extra) == 0 {
		return nil
	}
	var raw map[string]json.RawMessage
	if err := Unmarshal(data, &raw); err != nil {
		return err
	}
	for name := range extra {
		if _, ok := raw[name]; !ok {
			continue // it was there before
		}
		dec := json.NewDecoder(bytes.NewReader(raw[name]))
		dec.UseNumber()
		var exact any
		if err := dec.Decode(&exact); err != nil {
			return err
		}
		extra[name] = exact
	}
	return nil
}

// EncodeExtra encodes the values of an input's Extra, whose types are the caller's. It
// rejects keys that are the names of the input's fields.
func EncodeExtra(input reflect.Type, extra map[string]any) (map[string]any, error) {
	s := schemaOf(input)
	encoded := make(map[string]any, len(extra))
	for name, value := range extra {
		if i, known := s.index[name]; known {
			return nil, fmt.Errorf("%w: Extra has %q, which is the field %s: set it there",
				errs.ErrInvalidInput, name, input.Field(i).Name)
		}
		raw, err := MarshalForeign(value)
		if err != nil {
			return nil, fmt.Errorf("%w: Extra[%q] cannot be encoded: %w",
				errs.ErrInvalidInput, name, err)
		}
		encoded[name] = json.RawMessage(raw)
	}
	return encoded, nil
}
