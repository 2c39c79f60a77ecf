package growthgenius

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// This file, record.go and elements.go are the only ones that know which JSON library is
// used.

var (
	// The API is not under our control: a repeated key or a stray byte in somebody's
	// name is no reason to lose a page.
	decodeOptions = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	// What was kept raw was read with these allowances and is written with them too.
	encodeOptions = jsonv2.JoinOptions(jsonv2.Deterministic(true), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
)

func marshalJSON(v any) ([]byte, error)      { return jsonv2.Marshal(v, encodeOptions) }
func unmarshalJSON(data []byte, v any) error { return jsonv2.Unmarshal(data, v, decodeOptions) }

// marshalForeign and unmarshalForeign serve values of the caller's own types, which are
// written for encoding/json.
func marshalForeign(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func unmarshalForeign(data []byte, v any) error { return json.Unmarshal(data, v) }

// inputError is our own complaint inside an error of an encoder, if there is one.
func inputError(err error) error {
	for ; errors.Is(err, ErrInvalidInput); err = errors.Unwrap(err) {
		switch err.(type) { //nolint:errorlint // each link is looked at
		case *jsonv2.SemanticError, *json.MarshalerError:
		default:
			return err
		}
	}
	return nil
}

// kind is the type of a JSON value, in the words used by error messages.
type kind string

const (
	kindObject  kind = "an object"
	kindArray   kind = "an array"
	kindText    kind = "text"
	kindNumber  kind = "a number"
	kindBool    kind = "a boolean"
	kindNull    kind = "null"
	kindInvalid kind = "no JSON"
)

// kindOf tells the type of a JSON value by its first byte.
func kindOf(data []byte) kind {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 {
		return kindInvalid
	}
	switch c := data[0]; {
	case c == '{':
		return kindObject
	case c == '[':
		return kindArray
	case c == '"':
		return kindText
	case c == '-', '0' <= c && c <= '9':
		return kindNumber
	case c == 't', c == 'f':
		return kindBool
	case c == 'n':
		return kindNull
	default:
		return kindInvalid
	}
}

// marshalRecord is the MarshalJSON of every record: fields points to the twin of a copy
// of the record. Every field of a record is tagged omitzero, so clearing a field that
// Extra replaces is enough for the key to be written once.
func marshalRecord(fields any) ([]byte, error) {
	v := reflect.ValueOf(fields).Elem()
	s := schemaOf(v.Type())
	for iter := v.Field(s.extra).MapRange(); iter.Next(); {
		if i, known := s.index[iter.Key().String()]; known {
			v.Field(i).SetZero()
		}
	}
	return marshalJSON(fields)
}

// marshalInput is the MarshalJSON of every input: fields points to the twin of a copy.
func marshalInput(fields any) ([]byte, error) {
	v := reflect.ValueOf(fields).Elem()
	slot := v.FieldByName("Extra")
	extra, err := encodeExtra(v.Type(), slot.Interface().(map[string]any))
	if err != nil {
		return nil, err
	}
	slot.Set(reflect.ValueOf(extra))
	return marshalJSON(fields)
}

// unmarshalInput is the UnmarshalJSON of every input: fields points to its twin. Numbers
// in Extra become json.Number, since a float64 would round large ones.
func unmarshalInput(data []byte, fields any) error {
	if err := unmarshalJSON(data, fields); err != nil {
		return err
	}
	extra := reflect.ValueOf(fields).Elem().FieldByName("Extra").Interface().(map[string]any)
	if len(extra) == 0 {
		return nil
	}
	var raw map[string]json.RawMessage
	if err := unmarshalJSON(data, &raw); err != nil {
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

// encodeExtra encodes the values of an input's Extra, which are the caller's own. Keys
// that are the names of the input's fields are refused.
func encodeExtra(input reflect.Type, extra map[string]any) (map[string]any, error) {
	s := schemaOf(input)
	encoded := make(map[string]any, len(extra))
	for name, value := range extra {
		if i, known := s.index[name]; known {
			return nil, fmt.Errorf("%w: Extra has %q, which is the field %s: set it there", ErrInvalidInput, name, input.Field(i).Name)
		}
		raw, err := marshalForeign(value)
		if err != nil {
			return nil, fmt.Errorf("%w: Extra[%q] cannot be encoded: %w", ErrInvalidInput, name, err)
		}
		encoded[name] = json.RawMessage(raw)
	}
	return encoded, nil
}

// forget removes a key from an Extra.
func forget(extra *map[string]json.RawMessage, name string) {
	delete(*extra, name)
	if len(*extra) == 0 {
		*extra = nil
	}
}
