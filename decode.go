package growthgenius

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// This file and elements.go are the only ones that know which JSON library is used.
//
// Every record type T of the API has a twin `type tFields T`: the same fields without
// the methods, which the library can fill directly. The fast way decodes straight into
// the twin. Only where that fails, because a field has a type nobody expected, that one
// record is decoded again field by field, so that an odd field costs nothing but itself.

// record is a type the API answers with.
type record interface {
	// fields returns a pointer to the record's method-free twin.
	fields() any
	// finish repairs what only the whole record can tell, such as a misspelt key.
	finish()
}

var (
	// The API is not under our control: a repeated key or a stray byte in somebody's
	// name is no reason to lose a page. (A decoder can also go on after a field of an
	// odd type only if it does not watch for repeated names.)
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

// schema says which JSON name belongs to which field of a record.
type schema struct {
	name   string         // of the record, for log lines: "Contact"
	index  map[string]int // JSON name -> field
	names  []string       // field -> JSON name
	extra  int            // the field Extra
	nested []int          // fields that hold further records
}

var schemas sync.Map // reflect.Type -> *schema

var rawMapType = reflect.TypeFor[map[string]json.RawMessage]()

// isRecord reports whether t keeps what it does not know in a field Extra.
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
	name := strings.TrimSuffix(t.Name(), "Fields") // of a twin: contactFields
	s := &schema{
		name:  strings.ToUpper(name[:1]) + name[1:],
		index: make(map[string]int, t.NumField()),
		names: make([]string, t.NumField()),
		extra: -1,
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
		s.index[name], s.names[i] = i, name
		elem := f.Type
		for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Slice {
			elem = elem.Elem()
		}
		if isRecord(elem) {
			s.nested = append(s.nested, i)
		}
	}
	actual, _ := schemas.LoadOrStore(t, s)
	return actual.(*schema)
}

// unmarshalRecord is the UnmarshalJSON of every record. It replaces the whole record,
// so that decoding into a reused variable leaves nothing of its former value.
func unmarshalRecord(data []byte, r record) error {
	if kindOf(data) == kindNull {
		return nil
	}
	if err := unmarshalFields(data, r.fields()); err != nil {
		return err
	}
	r.finish()
	return nil
}

// unmarshalFields decodes one record into its twin, the fast way where that works.
func unmarshalFields(data []byte, fields any) error {
	reflect.ValueOf(fields).Elem().SetZero()
	err := unmarshalJSON(data, fields)
	if isSemantic(err) {
		err = unmarshalByField(data, fields)
	}
	return withoutNames(err)
}

// withoutNames drops the JSON pointer from a complaint about broken JSON. It is made of
// names in the answer, which may be anything, the beginning of the API key included.
func withoutNames(err error) error {
	if broken, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		plain := *broken
		plain.JSONPointer = ""
		return &plain
	}
	return err
}

// isSemantic reports whether err is about the meaning of valid JSON, not its syntax.
func isSemantic(err error) bool {
	_, ok := errors.AsType[*jsonv2.SemanticError](err)
	return ok
}

// unmarshalByField decodes one record a field at a time. A field of an odd type is kept
// raw in Extra under its own name and, where nothing is lost by it, converted.
func unmarshalByField(data []byte, fields any) error {
	v := reflect.ValueOf(fields).Elem()
	v.SetZero()
	s := schemaOf(v.Type())
	if k := kindOf(data); k != kindObject {
		return fmt.Errorf("%s is an object, not %s", s.name, k)
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), decodeOptions)
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	extra := map[string]json.RawMessage{}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		delete(extra, name) // of a repeated name the last one counts
		if i, known := s.index[name]; known && fill(v.Field(i), raw) {
			continue
		}
		extra[name] = bytes.Clone(raw)
	}
	if err := endOfInput(dec); err != nil {
		return err
	}
	if len(extra) > 0 {
		v.Field(s.extra).Set(reflect.ValueOf(extra))
	}
	return nil
}

// endOfInput reads the end of the outermost object, after which nothing may follow.
func endOfInput(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	switch _, err := dec.ReadToken(); {
	case err == io.EOF: //nolint:errorlint // the decoder documents io.EOF itself
		return nil
	case err != nil:
		return err
	default:
		return errors.New("something follows the JSON value")
	}
}

// fill decodes raw into field and reports whether it was of the expected type. Where it
// was not, the field gets the value only if the conversion loses nothing.
func fill(field reflect.Value, raw []byte) bool {
	field.SetZero()
	if unmarshalJSON(raw, field.Addr().Interface()) == nil {
		return true
	}
	field.SetZero()
	if !convert(field, raw) {
		field.SetZero()
	}
	return false
}

// convert fills field from a JSON value of another type, if that loses nothing:
// 5 for "5", "5" for 5, true for "true", and the same within lists.
func convert(field reflect.Value, raw []byte) bool {
	text := string(raw)
	switch kindOf(raw) {
	case kindText:
		if unmarshalJSON(raw, &text) != nil {
			return false
		}
	case kindArray:
		return convertList(field, raw)
	case kindNumber, kindBool:
	default:
		return false
	}
	switch field.Kind() {
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
		return convert(field.Elem(), raw)
	case reflect.String:
		field.SetString(text)
		return true
	case reflect.Int:
		n, ok := wholeNumber(text)
		field.SetInt(n)
		return ok
	case reflect.Bool:
		field.SetBool(text == "true")
		return text == "true" || text == "false"
	default:
		return false
	}
}

func convertList(field reflect.Value, raw []byte) bool {
	if field.Kind() != reflect.Slice {
		return false
	}
	var items []jsontext.Value
	if unmarshalJSON(raw, &items) != nil {
		return false
	}
	field.Set(reflect.MakeSlice(field.Type(), len(items), len(items)))
	for i, item := range items {
		if unmarshalJSON(item, field.Index(i).Addr().Interface()) != nil && !convert(field.Index(i), item) {
			return false
		}
	}
	return true
}

// wholeNumber reads "5" and "5.0", but not "5.5", " 5" or "0x5".
func wholeNumber(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, strconv.IntSize); err == nil {
		return n, text[0] != '+'
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || kindOf([]byte(text)) != kindNumber || strings.ContainsAny(text, "xX_") || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
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

// dropNull empties raw values that are null, which is what absent ones are.
func dropNull(raws ...*json.RawMessage) {
	for _, raw := range raws {
		if string(*raw) == "null" {
			*raw = nil
		}
	}
}

// forget removes a key from an Extra.
func forget(extra *map[string]json.RawMessage, name string) {
	delete(*extra, name)
	if len(*extra) == 0 {
		*extra = nil
	}
}

// unwrap replaces r by the record inside it, where r is a wrapper it need not have, such
// as {"contact": {...}}. The wrapper's other keys are kept in the record; where the record
// has one of them as well r stays as it is, so that neither is lost. Only one wrapper is
// taken off: there never are more, and each costs a pass over all that is inside.
func unwrap(name string, r record) {
	outer := reflect.ValueOf(r.fields()).Elem()
	s := schemaOf(outer.Type())
	beside := outer.Field(s.extra).Interface().(map[string]json.RawMessage)
	if kindOf(beside[name]) != kindObject {
		return
	}
	inner := reflect.New(outer.Type()).Elem()
	if unmarshalFields(beside[name], inner.Addr().Interface()) != nil {
		return
	}
	extra := inner.Field(s.extra).Interface().(map[string]json.RawMessage)
	has := func(key string) bool {
		_, ok := extra[key]
		i, known := s.index[key]
		return ok || (known && !inner.Field(i).IsZero())
	}
	all := maps.Clone(extra)
	for key, raw := range beside {
		if key == name {
			continue
		}
		if has(key) {
			return
		}
		if all == nil {
			all = map[string]json.RawMessage{}
		}
		all[key] = raw
	}
	for key, i := range s.index {
		if outer.Field(i).IsZero() {
			continue
		}
		if has(key) {
			return
		}
		inner.Field(i).Set(outer.Field(i))
	}
	inner.Field(s.extra).Set(reflect.ValueOf(all))
	outer.Set(inner)
}
