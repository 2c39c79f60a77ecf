package growthgenius

import (
	"fmt"
	"unicode/utf8"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Optional is a field of an input. It is unset, null or a value.
//
// An update needs all three: an unset field is not sent and keeps its value, null clears
// the field, and a value replaces it, even if it is "".
//
//	growthgenius.ContactInput{
//		Title:   growthgenius.Set("CTO"),         // "title":"CTO"
//		Custom1: growthgenius.Null[string](),     // "custom1":null
//	}                                             // all other fields: not sent
//
// The zero value is unset.
type Optional[T any] struct {
	value T
	state optionalState
}

type optionalState uint8

const (
	optionalUnset optionalState = iota
	optionalNull
	optionalSet
)

// Set returns an Optional that sends v, even if v is the zero value of its type.
func Set[T any](v T) Optional[T] { return Optional[T]{value: v, state: optionalSet} }

// Null returns an Optional that sends null.
func Null[T any]() Optional[T] { return Optional[T]{state: optionalNull} }

// Get returns the value and true. If the Optional is unset or null, it returns the zero
// value and false.
func (o Optional[T]) Get() (T, bool) { return o.value, o.state == optionalSet }

// IsNull reports whether the Optional sends null.
func (o Optional[T]) IsNull() bool { return o.state == optionalNull }

// IsZero reports whether the Optional is unset, so that the field is left out with
// `json:",omitzero"`. Null and Set("") are not zero.
func (o Optional[T]) IsZero() bool { return o.state == optionalUnset }

// String returns the value as fmt prints it, "null" or "unset", so that an input can be
// printed with %+v.
func (o Optional[T]) String() string {
	switch o.state {
	case optionalSet:
		return fmt.Sprint(o.value)
	case optionalNull:
		return "null"
	default:
		return "unset"
	}
}

// MarshalJSON encodes the value, or null if the Optional is null or unset. Text that is
// not valid UTF-8 is an error.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if o.state != optionalSet {
		return []byte("null"), nil
	}
	if text, ok := any(o.value).(string); ok && !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: the text %q is not UTF-8: convert it first", errs.ErrInvalidInput, text)
	}
	return wire.Marshal(o.value)
}

// UnmarshalJSON decodes a value. It decodes null as Null.
func (o *Optional[T]) UnmarshalJSON(data []byte) error {
	if wire.KindOf(data) == wire.KindNull {
		*o = Null[T]()
		return nil
	}
	var v T
	if err := wire.Unmarshal(data, &v); err != nil {
		return err
	}
	*o = Set(v)
	return nil
}
