package growthgenius

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// ID identifies a record of the API.
//
// The reference shows ids as JSON numbers (users, contacts, messages), as UUID text
// (search results) and as hexadecimal text, so an ID holds text and reads both. Canonical
// non-negative integers that fit an int64 are written as JSON numbers, the empty ID as
// null, and everything else ("007", "-5", a UUID) as JSON text.
//
// The zero value "" means "no id". IDs compare with ==.
type ID string

// IntID returns the ID of a numeric id.
func IntID(n int64) ID { return ID(strconv.FormatInt(n, 10)) }

// Int64 returns the id as a number. It fails for ids that are not canonical
// non-negative integers, such as UUIDs, "007" and "".
func (id ID) Int64() (int64, error) {
	n, ok := id.number()
	if !ok {
		return 0, fmt.Errorf("growthgenius: the id %q is not a whole number", string(id))
	}
	return n, nil
}

// number reports whether the id is a canonical non-negative integer: one that
// survives the way to an int64 and back unchanged.
func (id ID) number() (int64, bool) {
	if id == "" || id[0] < '0' || id[0] > '9' || (id[0] == '0' && len(id) > 1) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(id), 10, 64)
	return n, err == nil
}

// MarshalJSON writes a canonical non-negative integer as a number, "" as null and
// everything else as text.
func (id ID) MarshalJSON() ([]byte, error) {
	if id == "" {
		return []byte("null"), nil
	}
	if _, ok := id.number(); ok {
		return []byte(id), nil
	}
	return marshalJSON(string(id))
}

// UnmarshalJSON reads a JSON number or text; null is the empty ID.
func (id *ID) UnmarshalJSON(data []byte) error {
	switch kind := kindOf(data); kind {
	case kindNumber:
		*id = ID(data)
		return nil
	case kindText:
		var s string
		if err := unmarshalJSON(data, &s); err != nil {
			return err
		}
		*id = ID(s)
		return nil
	case kindNull:
		*id = ""
		return nil
	default:
		return fmt.Errorf("growthgenius: an id is a number or text, not %s", kind)
	}
}

var (
	_ json.Marshaler   = ID("")
	_ json.Unmarshaler = (*ID)(nil)
)
