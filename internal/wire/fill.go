package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/growthgenius/growthgenius-go/internal/errs"
)

// decoder fills records from JSON, field by field. A field of an unexpected type therefore
// never fails the rest of the record.
type decoder struct {
	texts    texts
	scratch  []byte
	taken    int64 // bytes of the lists and maps of the record, and of all that is in them
	full     bool  // taken is over the bound: the record must not be used
	misnamed bool  // a name is not valid UTF-8: the record cannot be kept without a loss
}

// record decodes one record from JSON that is known to be valid. into is a pointer to a record
// or to a map of raw values.
func (d *decoder) record(raw []byte, into any) error {
	v := reflect.ValueOf(into).Elem()
	if k := KindOf(raw); k != KindObject {
		return fmt.Errorf("%s is an object, not %s", v.Type().Name(), k)
	}
	return d.object(&walk{data: raw, valid: true}, v)
}

// object decodes the object at the cursor into v, a record or a map of raw values. If the
// JSON turns out to be bad, v is left in any state, and the error means nothing.
func (d *decoder) object(w *walk, v reflect.Value) error {
	w.start = w.at
	d.taken, d.full, d.misnamed = 0, false, false
	d.fill(w, v)
	if d.full {
		return fmt.Errorf("%w: it is much larger in memory than in the response",
			errs.ErrResponseTooLarge)
	}
	if d.misnamed {
		return errors.New("the name of a field is not valid UTF-8")
	}
	return nil
}

// fill decodes the object at the cursor into v, a record or a map of raw values.
func (d *decoder) fill(w *walk, v reflect.Value) {
	if v.Kind() == reflect.Map {
		v.Set(reflect.ValueOf(d.row(w)))
		return
	}
	s := schemaOf(v.Type())
	if s.wrapper == "" || !d.fillInner(w, s, v) {
		d.fillFields(w, s, v)
		if s.wrapper != "" && s.named != nil && !s.named(v.Addr().Interface()) {
			d.unwrap(s, v)
		}
	}
	if len(s.aliases) > 0 {
		d.fillAliases(s, v)
	}
}

// row decodes an object into a map. If the object holds nothing but another object, as
// {"contact": {...}} does, it is taken for a wrapper and the inner object is decoded.
func (d *decoder) row(w *walk) map[string]json.RawMessage {
	row := d.members(w)
	if _, ok := row["id"]; ok || len(row) != 1 {
		return row
	}
	for _, inner := range row {
		if KindOf(inner) == KindObject {
			return d.members(&walk{data: inner, valid: true})
		}
	}
	return row
}

func (d *decoder) members(w *walk) map[string]json.RawMessage {
	d.takes(w, mapBytes)
	members := map[string]json.RawMessage{}
	for w.enter(); w.more('}'); {
		if d.skips(w) {
			continue
		}
		token := w.name()
		d.takesMember(w, len(members))
		members[string(d.name(token))] = bytes.Clone(w.value())
	}
	w.leave()
	return members
}

// skips moves past the member at the cursor if the record will be rejected, and reports whether
// it will: nothing else of it is stored.
func (d *decoder) skips(w *walk) bool {
	if d.full {
		w.name()
		w.value()
	}
	return d.full
}

// fillInner decodes a record that stands alone in its wrapper, such as {"contact":
// {...}}. Otherwise it returns false and leaves the cursor where it was.
func (d *decoder) fillInner(w *walk, s *schema, v reflect.Value) bool {
	begin := w.at
	w.enter()
	if w.more('}') && string(d.unquote(w.name())) == s.wrapper && w.peek() == '{' {
		d.fillFields(w, s, v)
		if !w.more('}') {
			w.leave()
			return true
		}
	}
	w.at = begin
	return false
}

// fillFields decodes the members of an object into the fields of a record. A value of an
// unexpected type is kept in Extra under the field's name and, if nothing is lost by it,
// converted for the field as well.
func (d *decoder) fillFields(w *walk, s *schema, v reflect.Value) {
	v.SetZero()
	var extra map[string]json.RawMessage
	place := 0
	for w.enter(); w.more('}'); {
		if d.skips(w) {
			continue
		}
		name, m := s.member(d, w, place)
		if m != nil {
			place = m.place + 1
		}
		if extra != nil {
			delete(extra, name) // the last value of a repeated name counts
		}
		begin := w.at
		if m != nil && d.set(v.Field(m.field), m.shape, w) {
			continue
		}
		w.at = begin
		raw := bytes.Clone(w.value())
		if extra == nil {
			d.takes(w, mapBytes)
			extra = map[string]json.RawMessage{}
		}
		d.takesMember(w, len(extra))
		extra[name] = raw
		if m != nil && !d.convert(v.Field(m.field), raw) {
			v.Field(m.field).SetZero()
		}
	}
	w.leave()
	if len(extra) > 0 {
		v.Field(s.extra).Set(reflect.ValueOf(extra))
	}
}

// set fills a field with the value at the cursor and reports whether the value is of the
// expected type. If it is not, the cursor and the field are left in any state.
func (d *decoder) set(field reflect.Value, s *shape, w *walk) bool {
	first := w.peek()
	switch {
	case first == 'n':
		w.word("null")
		field.SetZero()
		return true
	case s.kind == shapeRecord:
		if first == '{' {
			d.fill(w, field)
		}
		return first == '{'
	case s.kind == shapePointer:
		elem := field.Type().Elem()
		d.takes(w, elem.Size())
		field.Set(reflect.New(elem))
		return d.set(field.Elem(), s.elem, w)
	case s.kind == shapeList:
		return first == '[' && d.setList(field, s.elem, w)
	case s.kind == shapeText:
		if text, ok := w.plainText(); ok {
			field.SetString(d.texts.of(text))
			return true
		}
		fallthrough
	default:
		raw := w.value()
		return d.setScalar(field, s.kind, raw, w.plain)
	}
}

func (d *decoder) setList(field reflect.Value, elem *shape, w *walk) bool {
	field.SetZero()
	begin, n := w.at, 0
	for w.enter(); w.more(']'); n++ {
		if !d.takes(w, InList(field.Type().Elem().Size())) {
			// The record will be rejected, so only the cursor has to move on.
			field.SetZero()
			w.at = begin
			w.value()
			return true
		}
		field.Grow(1)
		field.SetLen(n + 1)
		if !d.set(field.Index(n), elem, w) {
			return false
		}
	}
	w.leave()
	if n == 0 { // an empty list is not an absent one
		field.Set(reflect.MakeSlice(field.Type(), 0, 0))
	}
	return true
}

// setScalar fills a field with a value that is neither null, an object nor a list. plain is
// that of the walk.
func (d *decoder) setScalar(field reflect.Value, kind shapeKind, raw []byte, plain bool) bool {
	switch kind {
	case shapeText, shapeID:
		text, ok := d.textIf(plain, raw)
		if isNumber := raw[0] <= '9' && raw[0] != '"'; isNumber && kind == shapeID {
			text, ok = raw, true
			if !plain {
				text = plainNumber(raw)
			}
		}
		field.SetString(d.texts.of(text))
		return ok
	case shapeNumber:
		n, err := strconv.ParseInt(string(raw), 10, strconv.IntSize)
		field.SetInt(n)
		return err == nil && string(raw) != "-0" // an int would write -0 as 0
	case shapeFlag:
		field.SetBool(raw[0] == 't')
		return raw[0] == 't' || raw[0] == 'f'
	case shapeTime:
		text, ok := d.textIf(plain, raw)
		return ok && setTime(field.Addr().Interface().(*time.Time), text)
	case shapeRaw:
		field.SetBytes(bytes.Clone(raw))
		return true
	default:
		return jsonv2.Unmarshal(raw, field.Addr().Interface(), exactOptions) == nil
	}
}

// setTime parses a time that follows RFC 3339 exactly. Package time also accepts hours of
// one digit, a comma before the fraction, and zones of more than a day.
func setTime(t *time.Time, text []byte) bool {
	n := len(text)
	if n < len("2006-01-02T15:04:05Z") || text[len("2006-01-02T15")] != ':' ||
		text[len("2006-01-02T15:04:05")] == ',' {
		return false
	}
	if text[n-1] != 'Z' && (string(text[n-5:n-3]) > "23" || string(text[n-2:]) > "59") {
		return false
	}
	return t.UnmarshalText(text) == nil
}

// unquote returns the text of a JSON string. The result is valid until the next call.
// Invalid UTF-8 becomes U+FFFD.
func (d *decoder) unquote(token []byte) []byte {
	text, _ := d.text(token)
	return text
}

// textIf is text for a value that may be plain.
func (d *decoder) textIf(plain bool, token []byte) ([]byte, bool) {
	if plain && token[0] == '"' {
		return token[1 : len(token)-1], true
	}
	return d.text(token)
}

// text returns the text of a JSON string, and whether there is one that is valid UTF-8. The
// text is valid until the next call.
func (d *decoder) text(token []byte) ([]byte, bool) {
	if token[0] != '"' {
		return nil, false
	}
	text := token[1 : len(token)-1]
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return text, true
	}
	var err error
	d.scratch, err = jsontext.AppendUnquote(d.scratch[:0], token)
	return d.scratch, err == nil
}

// name returns the text of a name, and notes if it is not valid UTF-8.
func (d *decoder) name(token []byte) []byte {
	text, ok := d.text(token)
	d.misnamed = d.misnamed || !ok
	return text
}

// unwrap replaces a record by the one inside it, if the former is a wrapper such as
// {"contact": {...}, "status": "ok"}. The other keys of the wrapper are kept in the
// record. If both have the same key, nothing is unwrapped, so that neither value is lost.
// Only one wrapper is removed: the API never nests them, and each costs a pass over all
// that is inside.
func (d *decoder) unwrap(s *schema, outer reflect.Value) {
	beside := outer.Field(s.extra).Interface().(map[string]json.RawMessage)
	if KindOf(beside[s.wrapper]) != KindObject {
		return
	}
	inner := reflect.New(outer.Type()).Elem()
	d.fillFields(&walk{data: beside[s.wrapper], valid: true}, s, inner)
	extra := inner.Field(s.extra).Interface().(map[string]json.RawMessage)
	has := func(key string) bool {
		_, ok := extra[key]
		i, known := s.index[key]
		return ok || (known && !inner.Field(i).IsZero())
	}
	all := maps.Clone(extra)
	for key, raw := range beside {
		if key == s.wrapper {
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

// fillAliases moves the values of misspelled keys from Extra to the fields that they are
// meant for. A value stays in Extra if it is of an unexpected type, or if the right key
// came as well and has another value.
func (d *decoder) fillAliases(s *schema, v reflect.Value) {
	slot := v.Field(s.extra)
	if slot.Len() == 0 {
		return
	}
	extra := slot.Interface().(map[string]json.RawMessage)
	for _, a := range s.aliases {
		raw, misspelled := extra[a.name]
		if _, odd := extra[s.names[a.field]]; odd || !misspelled {
			continue
		}
		field := v.Field(a.field)
		value := reflect.New(field.Type()).Elem()
		if d.set(value, s.shapes[a.field], &walk{data: raw, valid: true}) &&
			(field.IsZero() || reflect.DeepEqual(field.Interface(), value.Interface())) {
			field.Set(value)
			delete(extra, a.name)
		}
	}
	if len(extra) == 0 {
		slot.SetZero()
	}
}
