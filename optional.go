package growthgenius

import (
	"fmt"
	"unicode/utf8"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Optional is a field of a request that can be left out, sent as null, or sent with
// a value. An update needs all three: a field left out keeps its value, null clears
// it, and "" is a value of its own.
//
//	growthgenius.ContactInput{
//		Title:   growthgenius.Set("CTO"),         // "title":"CTO"
//		Custom1: growthgenius.Null[string](),     // "custom1":null
//	}                                             // every other field: not sent
//
// The zero value is unset: the field is not sent.
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

// Set returns an Optional that sends v, also where v is the zero value of its type.
func Set[T any](v T) Optional[T] { return Optional[T]{value: v, state: optionalSet} }

// Null returns an Optional that sends null.
func Null[T any]() Optional[T] { return Optional[T]{state: optionalNull} }

// Get returns the value and true, or the zero value and false where the Optional is
// unset or null.
func (o Optional[T]) Get() (T, bool) { return o.value, o.state == optionalSet }

// IsNull reports whether the Optional sends null.
func (o Optional[T]) IsNull() bool { return o.state == optionalNull }

// IsZero reports whether the Optional is unset, so that `json:",omitzero"` leaves the
// field out. Null and Set("") are not zero.
func (o Optional[T]) IsZero() bool { return o.state == optionalUnset }

// MarshalJSON writes the value, or null where the Optional is null or unset.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if o.state != optionalSet {
		return []byte("null"), nil
	}
	if text, ok := any(o.value).(string); ok && !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: the text %q is not UTF-8: convert it first", errs.ErrInvalidInput, text)
	}
	return wire.Marshal(o.value)
}

// UnmarshalJSON reads a value; null becomes Null.
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
