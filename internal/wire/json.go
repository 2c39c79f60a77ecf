package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/growthgenius/growthgenius-go/internal/errs"
)

var (
	// decodeOptions tolerate what the server cannot be made to avoid: a repeated key or an
	// invalid byte in a name must not cost the caller a page of records.
	decodeOptions = jsonv2.JoinOptions(
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	// exactOptions decode text only if nothing of it has to be replaced.
	exactOptions = jsontext.AllowDuplicateNames(true)
	// encodeOptions tolerate repeated names, because raw values are written as they were read.
	encodeOptions = jsonv2.JoinOptions(jsonv2.Deterministic(true), jsontext.AllowDuplicateNames(true))
	// verbatimOptions tolerate everything that was read, and write it as it is.
	verbatimOptions = jsonv2.JoinOptions(encodeOptions,
		jsontext.AllowInvalidUTF8(true), jsontext.PreserveRawStrings(true))
)

// Marshal encodes a value of this module as JSON. The order of map keys is deterministic.
// Text that is not valid UTF-8 is an error.
func Marshal(v any) ([]byte, error) {
	data, err := jsonv2.Marshal(v, encodeOptions)
	return data, textError(err)
}

// MarshalVerbatim is Marshal for values from a response. Their raw values may have text that
// is not valid, and are written as they were read.
func MarshalVerbatim(v any) ([]byte, error) {
	if data, err := Marshal(v); err == nil {
		return data, nil
	}
	return jsonv2.Marshal(v, verbatimOptions)
}

// Unmarshal decodes JSON into a value of this module.
func Unmarshal(data []byte, v any) error { return jsonv2.Unmarshal(data, v, decodeOptions) }

// MarshalForeign encodes a value of a type that the caller defines. Such types are
// written for encoding/json. HTML is not escaped. Text that is not valid UTF-8 is an error,
// which encoding/json would replace.
func MarshalForeign(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	data := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	// These stand for what encoding/json has replaced: the first by default, the second with
	// GOEXPERIMENT=jsonv2.
	if bytes.Contains(data, []byte(`\ufffd`)) || bytes.Contains(data, []byte("\ufffd")) {
		if _, err := jsonv2.Marshal(v, jsonv1.DefaultOptionsV1(), jsontext.AllowInvalidUTF8(false)); err != nil {
			return nil, fmt.Errorf("%w: a text in it %w", errs.ErrInvalidInput, errNotText)
		}
	}
	if err := checkText(data); err != nil {
		return nil, textError(err)
	}
	return data, nil
}

// errNotText means that a text is not valid UTF-8, or has half of a surrogate pair.
var errNotText = errors.New("is not valid UTF-8: convert it first")

// textError returns an error of this module for a text that cannot be encoded, with the place
// of the text. It returns other errors unchanged.
func textError(err error) error {
	if err == nil || errors.Is(err, errs.ErrInvalidInput) ||
		!strings.Contains(err.Error(), "invalid UTF-8") && !strings.Contains(err.Error(), "invalid surrogate pair") {
		return err
	}
	place := placeOf(err)
	if broken, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		place = cmp.Or(place, strings.TrimPrefix(string(broken.JSONPointer), "/"))
	}
	if place == "" {
		return fmt.Errorf("%w: a text %w", errs.ErrInvalidInput, errNotText)
	}
	return fmt.Errorf("%w: the text of %q %w", errs.ErrInvalidInput, place, errNotText)
}

// placeOf returns the place in a value that an error of its encoder is about, such as
// "first_name", or "".
func placeOf(err error) string {
	if broken, ok := errors.AsType[*jsonv2.SemanticError](err); ok {
		return strings.TrimPrefix(string(broken.JSONPointer), "/")
	}
	return ""
}

// checkText returns an error at the first text of valid JSON that has to be replaced, in part,
// to be decoded: because it is not valid UTF-8, or has half of a surrogate pair.
func checkText(data []byte) error {
	if utf8.Valid(data) && !bytes.Contains(data, []byte(`\ud`)) && !bytes.Contains(data, []byte(`\uD`)) {
		return nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(data), exactOptions)
	for {
		if _, err := dec.ReadToken(); err == io.EOF { //nolint:errorlint // the decoder documents io.EOF itself
			return nil
		} else if err != nil {
			return err
		}
	}
}

// IsText reports whether all text in valid JSON can be decoded without replacing a part of it.
func IsText(data []byte) bool { return checkText(data) == nil }

// UnmarshalForeign decodes JSON into a value of a type that the caller defines. Text that is
// not valid UTF-8 is an error, which encoding/json would replace.
func UnmarshalForeign(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	return withoutNames(checkText(data))
}

// InputError returns the error of this module inside an error of an encoder, or nil if
// there is none, with the field that it is about. The encoders wrap it in texts that name Go
// types, which are of no use to the caller.
func InputError(err error) error {
	place := placeOf(err)
	for ; errors.Is(err, errs.ErrInvalidInput); err = errors.Unwrap(err) {
		switch err.(type) { //nolint:errorlint // the loop looks at each error of the chain
		case *jsonv2.SemanticError, *json.MarshalerError:
		default:
			if place != "" {
				return fmt.Errorf("%w (field %q)", err, place)
			}
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

	kindNotText Kind = "text that is not valid UTF-8"
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
