package growthgenius

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Every record type T of the API has a twin `type tFields T`: the same fields without the
// methods. A record is decoded in two steps: the JSON library makes sure that its bytes are
// JSON, and then the twin is filled, a field at a time, by a walk over what is then known
// to be valid. So a field of a type that nobody expected costs nothing but itself.

// record is a type the API answers with.
type record interface {
	// fields returns a pointer to the record's method-free twin.
	fields() any
	// finish repairs what only the whole record can tell, such as a misspelt key.
	finish()
}

// wrapped is a record that comes in a wrapper at times, such as {"contact": {...}}.
type wrapped interface {
	wrapper() string
	anonymous() bool // nothing says which record this is
}

// schema says which JSON name belongs to which field of a record.
type schema struct {
	name   string         // of the record, for log lines: "Contact"
	index  map[string]int // JSON name -> field
	names  []string       // field -> JSON name
	shapes []*shape       // field -> what it is filled with
	extra  int            // the field Extra
	nested []int          // fields that hold further records

	// The API writes the fields of a record in the order of their names, so the next one is
	// guessed before it is looked up.
	sorted []int // the fields in that order
	places []int // field -> its place in sorted
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
		name:   strings.ToUpper(name[:1]) + name[1:],
		index:  make(map[string]int, t.NumField()),
		names:  make([]string, t.NumField()),
		shapes: make([]*shape, t.NumField()),
		places: make([]int, t.NumField()),
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
		s.sorted = append(s.sorted, i)
		elem := f.Type
		for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Slice {
			elem = elem.Elem()
		}
		if isRecord(elem) {
			s.nested = append(s.nested, i)
		}
	}
	slices.SortFunc(s.sorted, func(i, j int) int { return cmp.Compare(s.names[i], s.names[j]) })
	for place, i := range s.sorted {
		s.places[i] = place
	}
	actual, _ := schemas.LoadOrStore(t, s)
	return actual.(*schema)
}

// field goes past the name of a member. Where that is a field's, i is the field, which is
// probably the one at this place.
func (s *schema) field(d *decoder, w *walk, place int) (name string, i int, known bool) {
	if place < len(s.sorted) {
		i = s.sorted[place]
		if name = s.names[i]; w.named(name) {
			return name, i, true
		}
	}
	unquoted := d.unquote(w.name())
	if i, known = s.index[string(unquoted)]; known {
		return s.names[i], i, true
	}
	return string(unquoted), 0, false
}

// shape is what a field is filled with.
type shape struct {
	kind shapeKind
	elem *shape // of a pointer or a list
}

type shapeKind int

const (
	shapeOther shapeKind = iota // whatever the JSON library makes of it
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
	case t == reflect.TypeFor[ID]():
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

// unmarshalRecord is the UnmarshalJSON of every record. It replaces the whole record,
// so that decoding into a reused variable leaves nothing of its former value.
func unmarshalRecord(data []byte, r record) error {
	dec := borrowDecoder(data)
	defer dec.giveBack()
	valid, err := dec.whole()
	if err != nil || kindOf(valid) == kindNull {
		return err
	}
	return dec.records.record(valid, r)
}

// bodyDecoder reads JSON in memory.
type bodyDecoder struct {
	jsontext.Decoder
	body    bytes.Buffer
	records decoder
	list    elements
}

// bodyDecoders have done their work.
var bodyDecoders = sync.Pool{New: func() any { return new(bodyDecoder) }}

func borrowDecoder(data []byte) *bodyDecoder {
	dec := bodyDecoders.Get().(*bodyDecoder)
	dec.body = *bytes.NewBuffer(data)
	dec.Reset(&dec.body, decodeOptions)
	return dec
}

func (dec *bodyDecoder) giveBack() {
	dec.body, dec.list = bytes.Buffer{}, elements{} // an answer is not held on to
	dec.Reset(&dec.body)
	if cap(dec.records.scratch) > mostKept {
		dec.records.scratch = nil
	}
	bodyDecoders.Put(dec)
}

// whole is the one value that is there to read, without the blanks around it.
func (dec *bodyDecoder) whole() ([]byte, error) {
	raw, err := dec.ReadValue()
	switch err {
	case nil:
		err = endOfInput(&dec.Decoder)
	case io.EOF: //nolint:errorlint // the decoder documents io.EOF itself
		err = io.ErrUnexpectedEOF // a loop over values would take io.EOF for their end
	}
	return raw, withoutNames(err)
}

// endOfInput reads the end of the input, before which nothing may follow.
func endOfInput(dec *jsontext.Decoder) error {
	switch _, err := dec.ReadToken(); {
	case err == io.EOF: //nolint:errorlint // the decoder documents io.EOF itself
		return nil
	case err != nil:
		return err
	default:
		return errors.New("something follows the JSON value")
	}
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

// decoder fills records from JSON that is known to be valid.
type decoder struct {
	texts   texts
	scratch []byte
	taken   int64 // what the lists and maps of the record take, and all that is within them
	full    bool  // that would be too much, so the record is not to be used
}

const (
	// minTaken is what a record may take, however small it is.
	minTaken = 64 << 20
	// mapBytes is what a map of up to eight raw values takes, and memberBytes each further one.
	mapBytes    = 400
	memberBytes = 100
)

// record decodes one record.
func (d *decoder) record(raw []byte, r record) error {
	if k := kindOf(raw); k != kindObject {
		return fmt.Errorf("%s is an object, not %s", reflect.TypeOf(r).Elem().Name(), k)
	}
	d.taken, d.full = 0, false
	d.fill(&walk{data: raw}, r)
	if d.full {
		return fmt.Errorf("%w: it is much larger in memory than in the answer", ErrResponseTooLarge)
	}
	return nil
}

// takes counts what more is taken, and reports whether there is room for it: of 64 MB of
// "{}," in a page of contacts, nothing but the list is large. Only lists need ask.
func (d *decoder) takes(w *walk, size uintptr) bool {
	d.taken += int64(size) //nolint:gosec // no type is that large
	d.full = d.full || d.taken > max(minTaken, recordGrowth*int64(len(w.data)))
	return !d.full
}

func (d *decoder) fill(w *walk, r record) {
	switch fields := r.fields().(type) {
	case *map[string]json.RawMessage: // of a record of no type
		d.takes(w, mapBytes)
		*fields = map[string]json.RawMessage{}
		for w.enter(); w.more(); {
			token := w.name()
			(*fields)[string(d.unquote(token))] = bytes.Clone(w.value())
		}
		w.leave()
	default:
		outer, wrappable := r.(wrapped)
		if wrappable && d.fillInner(w, outer.wrapper(), fields) {
			break
		}
		d.fillTwin(w, fields)
		if wrappable && outer.anonymous() {
			d.unwrap(outer.wrapper(), r)
		}
	}
	r.finish()
}

// fillInner decodes a record that is alone in a wrapper, such as {"contact": {...}}, and
// otherwise leaves w where it is.
func (d *decoder) fillInner(w *walk, name string, fields any) bool {
	begin := w.at
	w.enter()
	if w.more() && string(d.unquote(w.name())) == name && w.data[w.at] == '{' {
		d.fillTwin(w, fields)
		if !w.more() {
			w.leave()
			return true
		}
	}
	w.at = begin
	return false
}

// fillTwin decodes a record into its twin. A field of an odd type is kept raw in Extra under
// its own name and, where nothing is lost by it, converted.
func (d *decoder) fillTwin(w *walk, fields any) {
	v := reflect.ValueOf(fields).Elem()
	v.SetZero()
	s := schemaOf(v.Type())
	var extra map[string]json.RawMessage
	place := 0
	for w.enter(); w.more(); {
		name, i, known := s.field(d, w, place)
		if known {
			place = s.places[i] + 1
		}
		delete(extra, name) // of a repeated name the last one counts
		begin := w.at
		if known && d.set(v.Field(i), s.shapes[i], w) {
			continue
		}
		w.at = begin
		raw := bytes.Clone(w.value())
		if extra == nil {
			d.takes(w, mapBytes)
			extra = map[string]json.RawMessage{}
		} else if len(extra) >= 8 {
			d.takes(w, memberBytes)
		}
		extra[name] = raw
		if known && !d.convert(v.Field(i), raw) {
			v.Field(i).SetZero()
		}
	}
	w.leave()
	if len(extra) > 0 {
		v.Field(s.extra).Set(reflect.ValueOf(extra))
	}
}

// set fills a field with the value that w is at, and reports whether that is of the
// expected type. If it is not, both w and the field may be anywhere.
func (d *decoder) set(field reflect.Value, s *shape, w *walk) bool {
	first := w.data[w.at]
	switch {
	case first == 'n':
		w.at += len("null")
		field.SetZero()
		return true
	case s.kind == shapeRecord:
		if first == '{' {
			d.fill(w, field.Addr().Interface().(record))
		}
		return first == '{'
	case s.kind == shapePointer:
		elem := field.Type().Elem()
		d.takes(w, elem.Size())
		field.Set(reflect.New(elem))
		return d.set(field.Elem(), s.elem, w)
	case s.kind == shapeList:
		return first == '[' && d.setList(field, s.elem, w)
	default:
		return d.setScalar(field, s.kind, w.value())
	}
}

func (d *decoder) setList(field reflect.Value, elem *shape, w *walk) bool {
	field.SetZero()
	begin, n := w.at, 0
	for w.enter(); w.more(); n++ {
		if !d.takes(w, field.Type().Elem().Size()) { // the record will be refused: w has only to go on
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

func (d *decoder) setScalar(field reflect.Value, kind shapeKind, raw []byte) bool {
	isText := raw[0] == '"'
	switch kind {
	case shapeText:
		if isText {
			field.SetString(d.texts.of(d.unquote(raw)))
		}
		return isText
	case shapeID:
		if isText {
			raw = d.unquote(raw)
		} else if kindOf(raw) != kindNumber {
			return false
		}
		field.SetString(d.texts.of(raw))
		return true
	case shapeNumber:
		n, err := strconv.ParseInt(string(raw), 10, strconv.IntSize)
		field.SetInt(n)
		return err == nil && string(raw) != "-0" // which an int cannot write again
	case shapeFlag:
		field.SetBool(raw[0] == 't')
		return kindOf(raw) == kindBool
	case shapeTime:
		return isText && setTime(field.Addr().Interface().(*time.Time), d.unquote(raw))
	case shapeRaw:
		field.SetBytes(bytes.Clone(raw))
		return true
	default:
		return unmarshalJSON(raw, field.Addr().Interface()) == nil
	}
}

// setTime takes RFC 3339 to the letter. Package time also takes hours of one digit, a comma
// for the point, and zones that are beyond a day.
func setTime(t *time.Time, text []byte) bool {
	n := len(text)
	if n < len("2006-01-02T15:04:05Z") || text[len("2006-01-02T15")] != ':' || text[len("2006-01-02T15:04:05")] == ',' {
		return false
	}
	if text[n-1] != 'Z' && (string(text[n-5:n-3]) > "23" || string(text[n-2:]) > "59") {
		return false
	}
	return t.UnmarshalText(text) == nil
}

// unquote returns the text of a JSON text. It is good until the next call.
func (d *decoder) unquote(token []byte) []byte {
	text := token[1 : len(token)-1]
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return text
	}
	d.scratch, _ = jsontext.AppendUnquote(d.scratch[:0], token) // what is no UTF-8 becomes U+FFFD
	return d.scratch
}

// texts makes the texts of records. Short ones share an allocation with their neighbours:
// one that is kept for long keeps sharedTexts bytes from being freed, and no whole record.
type texts struct{ shared strings.Builder }

const (
	sharedTexts = 256
	longText    = 64
)

func (t *texts) of(b []byte) string {
	if len(b) > longText {
		return string(b)
	}
	if t.shared.Cap()-t.shared.Len() < len(b) {
		t.shared.Reset()
		t.shared.Grow(sharedTexts)
	}
	from := t.shared.Len()
	t.shared.Write(b)
	return t.shared.String()[from:]
}

// convert fills field from a JSON value of another type, if that loses nothing:
// 5 for "5", "5" for 5, true for "true", and the same within lists.
func (d *decoder) convert(field reflect.Value, raw []byte) bool {
	text := string(raw)
	switch kindOf(raw) {
	case kindText:
		if unmarshalJSON(raw, &text) != nil {
			return false
		}
	case kindArray:
		return d.convertList(field, raw)
	case kindNumber, kindBool:
	default:
		return false
	}
	switch field.Kind() {
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
		return d.convert(field.Elem(), raw)
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

func (d *decoder) convertList(field reflect.Value, raw []byte) bool {
	if field.Kind() != reflect.Slice {
		return false
	}
	field.SetZero()
	w := &walk{data: raw}
	n := 0
	for w.enter(); w.more(); n++ {
		if !d.takes(w, field.Type().Elem().Size()) {
			return false
		}
		field.Grow(1)
		field.SetLen(n + 1)
		elem, item := field.Index(n), w.value()
		if unmarshalJSON(item, elem.Addr().Interface()) != nil && !d.convert(elem, item) {
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

// unwrap replaces r by the record inside it, where r is a wrapper it need not have, such
// as {"contact": {...}}. The wrapper's other keys are kept in the record; where the record
// has one of them as well r stays as it is, so that neither is lost. Only one wrapper is
// taken off: there never are more, and each costs a pass over all that is inside.
func (d *decoder) unwrap(name string, r record) {
	outer := reflect.ValueOf(r.fields()).Elem()
	s := schemaOf(outer.Type())
	beside := outer.Field(s.extra).Interface().(map[string]json.RawMessage)
	if kindOf(beside[name]) != kindObject {
		return
	}
	inner := reflect.New(outer.Type()).Elem()
	d.fillTwin(&walk{data: beside[name]}, inner.Addr().Interface())
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
