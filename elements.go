package growthgenius

import (
	"bufio"
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// envelope names the keys under which an answer carries its records.
type envelope struct{ singular, plural string }

func (e envelope) String() string { return fmt.Sprintf("%q or %q", e.singular, e.plural) }

// elements reads the records of an enveloped answer one by one, whether they stand in a
// list or alone, under the plural or the singular name, before or after other keys.
type elements struct {
	dec *jsontext.Decoder
	env envelope
	// begin is told where an element begins.
	begin func(offset int64)
	// stray is told the name of each other key of the envelope.
	stray func(name string, k kind)

	begun bool   // the envelope has been opened
	list  string // the name of the list being read; "" between the keys of the envelope
	found bool   // records, or a list without any

	// What the envelope says of a list. The reference has these keys of searches only, but a
	// list with them would not be the whole.
	listed  bool // there was a list
	count   int  // elements read
	total   int
	partial bool

	records  *decoder
	borrowed *bodyDecoder
}

// newElements reads an answer that is in memory. It is to be told when it is done with.
func newElements(body []byte, env envelope, stray func(string, kind)) *elements {
	dec := borrowDecoder(body)
	dec.list = elements{dec: &dec.Decoder, records: &dec.records, borrowed: dec, env: env, begin: func(int64) {}, stray: stray}
	return &dec.list
}

func (e *elements) done() { e.borrowed.giveBack() }

// newStreamElements reads an answer as it arrives.
func newStreamElements(body *streamBody, env envelope, stray func(string, kind)) *elements {
	dec := jsontext.NewDecoder(bufio.NewReaderSize(body, readSize), decodeOptions)
	return &elements{dec: dec, records: new(decoder), env: env, begin: body.begin, stray: stray}
}

// next decodes the next element into what into returns. It reports false at the end.
func (e *elements) next(into func() record) (bool, error) {
	ok, err := e.read(into)
	return ok, withoutNames(err)
}

func (e *elements) read(into func() record) (bool, error) {
	if !e.begun {
		if err := e.open(); err != nil {
			return false, err
		}
	}
	for {
		e.begin(e.dec.InputOffset())
		if e.list != "" {
			if ok, err := e.item(into); ok || err != nil {
				return ok, err
			}
			continue
		}
		if e.dec.PeekKind() == '}' {
			return false, e.close()
		}
		alone, err := e.key()
		if alone && err == nil {
			return true, e.element(into())
		}
		if err != nil {
			return false, err
		}
	}
}

func (e *elements) open() error {
	e.begun = true
	k := e.dec.PeekKind()
	if _, err := e.dec.ReadToken(); err != nil {
		return err
	}
	if k != '{' {
		return fmt.Errorf("the answer is %s, not an object with %s", kindOf([]byte{byte(k)}), e.env)
	}
	return nil
}

func (e *elements) close() error {
	if _, err := e.dec.ReadToken(); err != nil {
		return err
	}
	if err := endOfInput(e.dec); err != nil {
		return err
	}
	if !e.found {
		return fmt.Errorf("the answer has no %s", e.env)
	}
	if e.listed && (e.partial || e.total > e.count) {
		return fmt.Errorf("%w: by its own words the list has %d of %d records, or not all: ask for a shorter time", ErrPartialResults, e.count, e.total)
	}
	return nil
}

// key reads a key of the envelope: to the beginning of a list of records, or of one that
// stands alone, or past a value that is of no interest.
func (e *elements) key() (alone bool, err error) {
	token, err := e.dec.ReadToken()
	if err != nil {
		return false, err
	}
	name := token.String()
	k := kindOf([]byte{byte(e.dec.PeekKind())})
	if name != e.env.singular && name != e.env.plural {
		e.stray(name, k)
		return false, e.beside(name)
	}
	e.found = true
	if k == kindObject {
		return true, nil
	}
	if _, err := e.dec.ReadToken(); err != nil {
		return false, err
	}
	if k != kindArray {
		return false, fmt.Errorf("%q is %s", name, k)
	}
	e.list, e.listed = name, true
	return false, nil
}

// beside reads the value of a key that is not the records'.
func (e *elements) beside(name string) error {
	if name != "partial_results_only" && name != "pagination" {
		return e.dec.SkipValue()
	}
	value, err := e.dec.ReadValue()
	if err != nil {
		return err
	}
	if name == "partial_results_only" {
		e.partial = string(value) == "true"
		return nil
	}
	var p Pagination
	_ = unmarshalJSON(value, &p) // where it is something else it says nothing
	e.total = p.TotalEntries
	return nil
}

// item decodes the next element of a list. It reports false at the list's end, and for an
// element that is null: nobody, and not worth failing the others.
func (e *elements) item(into func() record) (bool, error) {
	switch e.dec.PeekKind() {
	case ']':
		e.list = ""
	case 'n':
		e.count++
		e.stray(e.list+"[]", kindNull)
	default:
		return true, e.element(into())
	}
	_, err := e.dec.ReadToken()
	return false, err
}

// element decodes the next element into r.
func (e *elements) element(r record) error {
	e.count++
	k := e.dec.PeekKind()
	raw, err := e.dec.ReadValue()
	if err != nil {
		return err
	}
	if k != '{' {
		return fmt.Errorf("an element is %s, not an object", kindOf(raw))
	}
	return e.records.record(raw, r)
}

// idOfPart is the id of the record that the data begins with, if it is in there. The rest
// of the record may be missing.
func idOfPart(data []byte) ID {
	dec := borrowDecoder(bytes.TrimLeft(data, " \t\r\n,:"))
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
		if err != nil {
			break
		}
		if isID {
			var id ID
			_ = id.UnmarshalJSON(value) // where it is none, it stays empty
			return id
		}
	}
	return ""
}
