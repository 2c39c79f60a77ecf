package wire

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// bodyDecoder reads JSON in memory.
type bodyDecoder struct {
	jsontext.Decoder
	body    bytes.Buffer
	opened  bool // the decoder was reset to read a body
	records decoder
	reader  Reader
}

// bodyDecoders is the pool of idle decoders.
var bodyDecoders = sync.Pool{New: func() any { return new(bodyDecoder) }}

// maxScratch bounds the scratch buffer that an idle decoder keeps.
const maxScratch = 64 << 10

func borrowDecoder(data []byte) *bodyDecoder {
	dec := bodyDecoders.Get().(*bodyDecoder)
	dec.open(data)
	return dec
}

func (dec *bodyDecoder) open(data []byte) {
	dec.body, dec.opened = *bytes.NewBuffer(data), true
	dec.Reset(&dec.body, decodeOptions)
}

func (dec *bodyDecoder) giveBack() {
	dec.clear()
	bodyDecoders.Put(dec)
}

// clear drops what an idle decoder must not keep alive: the response, and large buffers.
func (dec *bodyDecoder) clear() {
	if dec.opened {
		dec.body, dec.reader, dec.opened = bytes.Buffer{}, Reader{}, false
		dec.Reset(&dec.body)
	}
	if cap(dec.records.scratch) > maxScratch {
		dec.records.scratch = nil
	}
}

// whole returns the only value of the input, without the blanks around it.
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

// endOfInput returns an error if anything but blanks is left of the input.
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

// withoutNames removes the JSON pointer from a syntax error. The pointer consists of
// names from the response, which may be anything, even the beginning of the API key.
func withoutNames(err error) error {
	if broken, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		plain := *broken
		plain.JSONPointer = ""
		return &plain
	}
	return err
}
