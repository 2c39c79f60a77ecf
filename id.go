package growthgenius

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/growthgenius/growthgenius-go/internal/wire"
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
	n, ok := wire.ID(id).Number()
	if !ok {
		return 0, fmt.Errorf("growthgenius: the id %q is not a whole number", string(id))
	}
	return n, nil
}

// MarshalJSON writes a canonical non-negative integer as a number, "" as null and
// everything else as text.
func (id ID) MarshalJSON() ([]byte, error) { return wire.ID(id).MarshalJSON() }

// UnmarshalJSON reads a JSON number or text; null is the empty ID.
func (id *ID) UnmarshalJSON(data []byte) error { return (*wire.ID)(id).UnmarshalJSON(data) }

var (
	_ json.Marshaler   = ID("")
	_ json.Unmarshaler = (*ID)(nil)

	_ = wire.Identifier[ID]()
)
