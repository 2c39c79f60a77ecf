package growthgenius

import (
	"bytes"
	"fmt"

	jsonv2 "github.com/go-json-experiment/json"
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
	// begin is told where an element begins. raw returns the bytes of the answer between
	// that and the decoder's own offset.
	begin func(offset int64)
	raw   func(from, to int64) []byte
	// stray is told the name of each other key of the envelope.
	stray func(name string, k kind)

	begun bool   // the envelope has been opened
	list  string // the name of the list being read; "" between the keys of the envelope
	found bool   // records, or a list without any
}

// newElements reads an answer that is in memory.
func newElements(body []byte, env envelope, stray func(string, kind)) *elements {
	return &elements{
		dec:   jsontext.NewDecoder(bytes.NewBuffer(body), decodeOptions),
		env:   env,
		begin: func(int64) {},
		raw:   func(from, to int64) []byte { return body[from:to] },
		stray: stray,
	}
}

// newStreamElements reads an answer as it arrives.
func newStreamElements(body *streamBody, env envelope, stray func(string, kind)) *elements {
	return &elements{dec: jsontext.NewDecoder(body, decodeOptions), env: env, begin: body.begin, raw: body.raw, stray: stray}
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
	if err := endOfInput(e.dec); err != nil {
		return err
	}
	if !e.found {
		return fmt.Errorf("the answer has no %s", e.env)
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
		return false, e.dec.SkipValue()
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
	e.list = name
	return false, nil
}

// item decodes the next element of a list. It reports false at the list's end, and for an
// element that is null: nobody, and not worth failing the others.
func (e *elements) item(into func() record) (bool, error) {
	switch e.dec.PeekKind() {
	case ']':
		e.list = ""
	case 'n':
		e.stray(e.list+"[]", kindNull)
	default:
		return true, e.element(into())
	}
	_, err := e.dec.ReadToken()
	return false, err
}

// element decodes the next element into r. A field of an odd type leaves the decoder in
// the middle of the record: it is led to the record's end, and the record's bytes are
// decoded again field by field.
func (e *elements) element(r record) error {
	from, depth := e.dec.InputOffset(), e.dec.StackDepth()
	if k := e.dec.PeekKind(); k != '{' {
		if err := e.dec.SkipValue(); err != nil {
			return err
		}
		return fmt.Errorf("an element is %s, not an object", kindOf([]byte{byte(k)}))
	}
	fields := r.fields()
	if err := jsonv2.UnmarshalDecode(e.dec, fields, decodeOptions); err != nil {
		if !isSemantic(err) {
			return err
		}
		for e.dec.StackDepth() > depth {
			if _, err := e.dec.ReadToken(); err != nil {
				return err
			}
		}
		raw := bytes.TrimLeft(e.raw(from, e.dec.InputOffset()), " \t\r\n:,")
		if err := unmarshalByField(raw, fields); err != nil {
			return err
		}
	}
	r.finish()
	return nil
}
