package wire

import (
	"bytes"
	"encoding/json"
	"errors"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/growthgenius/growthgenius-go/internal/errs"
)

var (
	// decodeOptions tolerate what the server cannot be made to avoid: a repeated key or an
	// invalid byte in a name must not cost the caller a page of records.
	decodeOptions = jsonv2.JoinOptions(
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	// encodeOptions tolerate the same, because raw values in Extra are written as they were
	// read.
	encodeOptions = jsonv2.JoinOptions(jsonv2.Deterministic(true),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
)

// Marshal encodes a value of this module as JSON. The order of map keys is deterministic.
func Marshal(v any) ([]byte, error) { return jsonv2.Marshal(v, encodeOptions) }

// Unmarshal decodes JSON into a value of this module.
func Unmarshal(data []byte, v any) error { return jsonv2.Unmarshal(data, v, decodeOptions) }

// MarshalForeign encodes a value of a type that the caller defines. Such types are
// written for encoding/json. HTML is not escaped.
func MarshalForeign(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// UnmarshalForeign decodes JSON into a value of a type that the caller defines.
func UnmarshalForeign(data []byte, v any) error { return json.Unmarshal(data, v) }

// InputError returns the error of this module inside an error of an encoder, or nil if
// there is none. The encoders wrap it in texts that name Go types, which are of no use to
// the caller.
func InputError(err error) error {
	for ; errors.Is(err, errs.ErrInvalidInput); err = errors.Unwrap(err) {
		switch err.(type) { //nolint:errorlint // the loop looks at each error of the chain
		case *jsonv2.SemanticError, *json.MarshalerError:
		default:
			return err
		}
	}
	return nil
}

// Kind is the type of a JSON value, in the words that error messages use.
type Kind string

// The kinds of JSON values.
const (
	KindObject  Kind = "an object"
	KindArray   Kind = "an array"
	KindText    Kind = "text"
	KindNumber  Kind = "a number"
	KindBool    Kind = "a boolean"
	KindNull    Kind = "null"
	KindInvalid Kind = "no JSON"
)

// KindOf returns the kind of a JSON value. It looks at the first byte only, and does not
// check that the rest is valid.
func KindOf(data []byte) Kind {
	data = bytes.TrimLeft(data, blankBytes)
	if len(data) == 0 {
		return KindInvalid
	}
	switch c := data[0]; {
	case c == '{':
		return KindObject
	case c == '[':
		return KindArray
	case c == '"':
		return KindText
	case c == '-', '0' <= c && c <= '9':
		return KindNumber
	case c == 't', c == 'f':
		return KindBool
	case c == 'n':
		return KindNull
	default:
		return KindInvalid
	}
}

// blankBytes are the bytes that JSON allows between its tokens.
const blankBytes = " \t\r\n"

// ScalarText returns the text of a JSON string, number or boolean, and "" for anything
// else.
func ScalarText(raw json.RawMessage) string {
	switch KindOf(raw) {
	case KindText:
		if text, ok := plainText(raw); ok {
			return text
		}
		var s string
		_ = Unmarshal(raw, &s)
		return s
	case KindNumber, KindBool:
		return string(raw)
	default:
		return ""
	}
}

// plainText returns a JSON string that has only printable ASCII and no escapes, as most do.
func plainText(raw json.RawMessage) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	text := raw[1 : len(raw)-1]
	for _, c := range text {
		if c < ' ' || c > '~' || c == '\\' || c == '"' {
			return "", false
		}
	}
	return string(text), true
}
