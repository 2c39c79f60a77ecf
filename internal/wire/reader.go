package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Envelope names the keys under which a response carries its records.
type Envelope struct{ Singular, Plural string }

// String returns both keys, for error messages.
func (e Envelope) String() string { return fmt.Sprintf("%q or %q", e.Singular, e.Plural) }

// Stray is called with each key of an envelope that does not hold records, and the kind
// of its value. A null element of a list is reported too, under the name of the list and
// "[]".
type Stray func(name string, k Kind)

// Reader reads the records of an enveloped response one by one. They may be in a list or
// stand alone, under the plural or the singular key, before or after other keys.
type Reader struct {
	dec    *jsontext.Decoder
	shift  int64     // the offset in the response at which the decoder began
	from   io.Reader // what the decoder reads; nil if it has all in its buffer
	direct direct
	env    Envelope
	begin  func(offset int64) // called with the offset at which an element begins
	stray  Stray
	strays Strays // if stray is nil

	begun bool   // the envelope has been opened
	list  string // the key of the list being read; "" between the keys of the envelope
	keyed bool   // that list is an object, whose keys are ids or numbers
	named bool   // the key of its next element has been read
	lone  []byte // a record that has been read already
	found bool   // there were records, or an empty list

	due    bool // the response should be a list
	listed bool // there was a list
	count  int  // elements read so far
	extent extent

	records  *decoder
	borrowed *bodyDecoder // nil for a stream
}

// readSize is how much of a stream is read at once.
const readSize = 32 << 10

// NewReader returns a Reader for a response in memory. The caller must call Done
// afterwards, and must not use the Reader after that. If stray is nil, the Reader collects what
// it would be called with in Strays.
func NewReader(body []byte, env Envelope, stray Stray) *Reader {
	dec := borrowDecoder(body)
	dec.reader = Reader{
		dec: &dec.Decoder, env: env, begin: func(int64) {}, stray: stray,
		records: &dec.records, borrowed: dec,
	}
	return &dec.reader
}

// NewStream returns a Reader for a response that is read while it arrives. begin is
// called with the offset at which each element begins, before the element is read.
func NewStream(from io.Reader, env Envelope, stray Stray, begin func(offset int64)) *Reader {
	pieces := bufio.NewReaderSize(from, readSize)
	dec := jsontext.NewDecoder(pieces, decodeOptions)
	return &Reader{dec: dec, from: pieces, env: env, begin: begin, stray: stray, records: new(decoder)}
}

// ExpectList tells the Reader that the response should be a list, even if a single record
// stands in it alone. The arguments are what the head of the response says: how many
// records there are, or 0, whether these are only a part of them, and JSON that says more,
// or "".
func (r *Reader) ExpectList(total int, partial bool, pagination string) {
	r.due, r.extent.more = true, partial
	if total > 0 {
		r.extent.says("", total)
		r.extent.counted = true
	}
	if raw := []byte(pagination); KindOf(raw) == KindObject && json.Valid(raw) {
		dec := borrowDecoder(raw)
		_ = r.extent.hearAll(&dec.Decoder, true, false)
		dec.giveBack()
	}
}

// Strays returns what was collected of the keys of the envelope.
func (r *Reader) Strays() Strays { return r.strays }

func (r *Reader) report(name string, k Kind) {
	if r.stray == nil {
		r.strays.Add(name, k)
		return
	}
	r.stray(name, k)
}

// Doubtful reports whether something in the response that has been read raises doubts about
// whether the list has all records, though the response does not say that it has not: a
// warning, say, or a null in place of a record.
func (r *Reader) Doubtful() bool { return r.extent.doubt }

// Next decodes the next record into the value that into returns: a pointer to an empty record,
// or to a map[string]json.RawMessage or a type of this kind. It returns false when there
// are no more records. If the response says that it is not the whole list, the error is
// errs.ErrPartialResults, after all records.
func (r *Reader) Next(into func() any) (bool, error) {
	ok, err := r.next(into)
	if broken, is := errors.AsType[*jsontext.SyntacticError](err); is {
		plain := *broken
		plain.ByteOffset += r.shift
		err = &plain
	}
	return ok, withoutNames(err)
}

// Taken returns how many bytes of memory the lists and maps of the last record take, and
// all that is in them. The fields of the record itself are not included.
func (r *Reader) Taken() int64 { return r.records.taken }

// Offset returns how many bytes of the response have been decoded.
func (r *Reader) Offset() int64 {
	if r.direct.active {
		return r.direct.base + int64(r.direct.mark)
	}
	return r.shift + r.dec.InputOffset()
}

// Done ends the use of the Reader.
func (r *Reader) Done() {
	if r.borrowed != nil {
		r.borrowed.giveBack()
	}
}

func (r *Reader) next(into func() any) (bool, error) {
	if !r.begun {
		if err := r.open(); err != nil {
			return false, err
		}
	}
	for {
		r.begin(r.Offset())
		if r.direct.active {
			switch list := r.list != ""; {
			case list && r.direct.another():
				return true, r.element(into())
			case r.direct.ends(list):
				return false, r.verdict()
			}
			r.handOver()
		}
		if r.list != "" {
			if ok, err := r.item(into); ok || err != nil {
				return ok, err
			}
			continue
		}
		if r.dec.PeekKind() == '}' {
			return false, r.close()
		}
		alone, err := r.key()
		if err != nil {
			return false, err
		}
		if alone {
			return true, r.element(into())
		}
	}
}

func (r *Reader) open() error {
	r.begun = true
	k := r.dec.PeekKind()
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	if k != '{' {
		return fmt.Errorf("the response is %s, not an object with %s",
			KindOf([]byte{byte(k)}), r.env)
	}
	return nil
}

func (r *Reader) close() error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	if err := endOfInput(r.dec); err != nil {
		return err
	}
	return r.verdict()
}

// verdict returns what is wrong with a response that was read to its end.
func (r *Reader) verdict() error {
	if !r.found {
		return fmt.Errorf("the response has no %s", r.env)
	}
	if !r.listed && !r.due {
		return nil
	}
	return r.extent.verdict(r.count)
}

// key reads a key of the envelope: up to the first element of a list of records, up to a
// record that stands alone, or past a value that is not a record.
func (r *Reader) key() (alone bool, err error) {
	name, err := r.name()
	if err != nil {
		return false, err
	}
	k := KindOf([]byte{byte(r.dec.PeekKind())})
	if name != r.env.Singular && name != r.env.Plural {
		if r.due && k == KindObject && isKey(name) { // the list has no envelope
			r.found, r.listed = true, true
			return true, nil
		}
		r.report(name, k)
		return false, r.extent.hear(r.dec, name)
	}
	r.found = true
	if k == KindObject {
		if r.due || name == r.env.Plural {
			return r.object(name)
		}
		r.takeOver(true)
		return true, nil
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return false, err
	}
	if k != KindArray {
		return false, fmt.Errorf("%q is %s", name, k)
	}
	r.list, r.listed = name, true
	r.extent.doubt = r.extent.doubt || name != r.env.Plural
	r.takeOver(false)
	return false, nil
}

// name reads a name in the envelope. Those of records are not copied.
func (r *Reader) name() (string, error) {
	if r.dec.PeekKind() != '"' {
		token, err := r.dec.ReadToken()
		return token.String(), err
	}
	raw, err := r.dec.ReadValue()
	if err != nil {
		return "", err
	}
	switch name := r.records.unquote(raw); string(name) {
	case r.env.Singular:
		return r.env.Singular, nil
	case r.env.Plural:
		return r.env.Plural, nil
	default:
		return string(name), nil
	}
}

// object begins to read an object in place of a list: a record that stands alone, or a list
// whose elements have keys.
func (r *Reader) object(name string) (alone bool, err error) {
	if _, err := r.dec.ReadToken(); err != nil {
		return false, err
	}
	r.lone = append(r.lone[:0], '{')
	for r.dec.PeekKind() != '}' {
		key, err := r.dec.ReadValue()
		if err != nil {
			return false, err
		}
		first := len(r.lone) == 1
		if !first {
			r.lone = append(r.lone, ',')
		}
		r.lone = append(r.lone, key...) // the decoder may overwrite it
		if first && r.dec.PeekKind() == '{' && isKey(string(r.records.unquote(r.lone[1:]))) {
			r.list, r.listed, r.keyed, r.named, r.lone = name, true, true, true, nil
			return false, nil
		}
		r.lone = append(r.lone, ':')
		value, err := r.dec.ReadValue()
		if err != nil {
			return false, err
		}
		r.lone = append(r.lone, value...)
	}
	if len(r.lone) == 1 && r.due {
		return false, fmt.Errorf("%q is an empty object", name)
	}
	r.lone = append(r.lone, '}')
	_, err = r.dec.ReadToken()
	return true, err
}

// isKey reports whether the name of an object's member can be the id of a record, or its
// number in a list, and is not the name of a field: digits and what UUIDs and hexadecimal
// ids have, with at least one digit.
func isKey(name string) bool {
	digits := 0
	for _, c := range []byte(name) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'f', c >= 'A' && c <= 'F', c == '-':
		default:
			return false
		}
	}
	return digits > 0
}

// item decodes the next element of a list. It returns false at the end of the list, and
// for a null element, which is skipped: it is not worth failing the others.
func (r *Reader) item(into func() any) (bool, error) {
	if r.keyed && !r.named && r.dec.PeekKind() != '}' {
		token, err := r.dec.ReadToken()
		if err != nil {
			return false, err
		}
		if name := token.String(); !isKey(name) {
			r.report(name, KindOf([]byte{byte(r.dec.PeekKind())}))
			return false, r.extent.hear(r.dec, name)
		}
	}
	r.named = false
	switch r.dec.PeekKind() {
	case ']', '}':
		r.list, r.keyed = "", false
	case 'n':
		r.count, r.extent.doubt = r.count+1, true
		r.report(r.list+"[]", KindNull)
	default:
		return true, r.element(into())
	}
	_, err := r.dec.ReadToken()
	return false, err
}

// element decodes the next element into a pointer to a record or map.
func (r *Reader) element(into any) error {
	r.count++
	if lone := r.lone; lone != nil {
		r.lone = nil
		return r.records.record(lone, into)
	}
	if r.direct.active {
		if done, err := r.direct.element(r.records, into); done {
			return err
		}
		r.handOver()
	}
	k := r.dec.PeekKind()
	raw, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	if k != '{' {
		return fmt.Errorf("an element is %s, not an object", KindOf(raw))
	}
	return r.records.record(raw, into)
}

// UnreadID returns the id of the record that the unread part of the response begins with,
// as far as it has arrived. It returns "" if the id is not in there. It is meant for the
// error of a record that could not be read to its end.
func (r *Reader) UnreadID() ID {
	part := r.dec.UnreadBuffer()
	if r.direct.active {
		part = r.direct.data[r.direct.mark:]
	}
	part = bytes.TrimLeft(part, blankBytes+",:")
	dec := borrowDecoder(part)
	defer dec.giveBack()
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return ""
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			break
		}
		isID := name.String() == "id"
		value, err := dec.ReadValue()
		if err != nil || dec.InputOffset() == int64(len(part)) { // a number may be cut short
			break
		}
		if isID {
			var id ID
			_ = id.UnmarshalJSON(value) // an invalid id leaves it empty
			return id
		}
	}
	return ""
}
