package growthgenius

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// ID identifies a record of the API.
//
// The reference has ids that are JSON numbers (of users, contacts and messages), UUIDs
// (in search results) and hexadecimal text, so an ID holds text. It is decoded from a
// number or a string. A canonical non-negative integer that fits an int64 is encoded as a
// number, the empty ID as null, and everything else ("007", "-5", a UUID) as a string.
//
// The zero value "" means that there is no id. IDs can be compared with ==.
type ID string

// IntID returns n as an ID.
func IntID(n int64) ID { return ID(strconv.FormatInt(n, 10)) }

// Int64 returns the id as a number. It returns an error if the id is not a canonical
// non-negative integer that fits an int64, such as a UUID, "007" or "".
func (id ID) Int64() (int64, error) {
	n, ok := wire.ID(id).Number()
	if !ok {
		return 0, fmt.Errorf("growthgenius: the id %q is not a whole number", string(id))
	}
	return n, nil
}

// MarshalJSON encodes a canonical non-negative integer as a number, "" as null and
// everything else as a string.
func (id ID) MarshalJSON() ([]byte, error) { return wire.ID(id).MarshalJSON() }

// UnmarshalJSON decodes a JSON number or string. It decodes null as the empty ID.
func (id *ID) UnmarshalJSON(data []byte) error { return (*wire.ID)(id).UnmarshalJSON(data) }

var (
	_ json.Marshaler   = ID("")
	_ json.Unmarshaler = (*ID)(nil)

	_ = wire.Identifier[ID]()
)

// sameID reports whether two ids are equal. The case of a UUID does not matter.
func sameID(a, b ID) bool {
	return a == b || isUUID(string(a)) && strings.EqualFold(string(a), string(b))
}

// isNumberOf reports whether a record with a number may be the one that was asked for by a
// UUID: searches have UUIDs for contacts that have numbers elsewhere.
func isNumberOf(id, asked ID) bool {
	_, err := id.Int64()
	return err == nil && isUUID(string(asked))
}

func isUUID(s string) bool {
	const shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	for i := range min(len(s), len(shape)) {
		c := s[i]
		isHex := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
		if isHex != (shape[i] == 'x') || !isHex && c != '-' {
			return false
		}
	}
	return len(s) == len(shape)
}
