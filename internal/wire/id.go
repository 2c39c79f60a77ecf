package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	jsonv2 "github.com/go-json-experiment/json"
)

// ID identifies a record of the API. It holds text and reads both JSON numbers and JSON
// strings, since the API uses both. The zero value means "no id".
type ID string

// Number returns the id as an int64 and reports whether it is a canonical non-negative
// integer: one that survives the conversion to an int64 and back unchanged.
func (id ID) Number() (int64, bool) {
	if id == "" || id[0] < '0' || id[0] > '9' || (id[0] == '0' && len(id) > 1) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(id), 10, 64)
	return n, err == nil
}

// MarshalJSON writes a canonical non-negative integer as a number, "" as null and
// everything else as a string.
func (id ID) MarshalJSON() ([]byte, error) {
	if id == "" {
		return []byte("null"), nil
	}
	if _, ok := id.Number(); ok {
		return []byte(id), nil
	}
	return Marshal(string(id))
}

// plainNumber returns an id that is a JSON number in the form in which it is sent. Some
// servers write 1102755 as 1102755.0 or 1.102755e6. What is not an integer stays as it is.
func plainNumber(number []byte) []byte {
	if !bytes.ContainsAny(number, ".eE") {
		return number
	}
	if n, ok := Integer(string(number)); ok {
		return strconv.AppendInt(nil, n, 10)
	}
	return number
}

// UnmarshalJSON reads a JSON number or string. It reads null as the empty ID.
func (id *ID) UnmarshalJSON(data []byte) error {
	switch kind := KindOf(data); kind {
	case KindNumber:
		*id = ID(plainNumber(data))
		return nil
	case KindText:
		var s string
		if err := jsonv2.Unmarshal(data, &s, exactOptions); err != nil {
			return err
		}
		*id = ID(s)
		return nil
	case KindNull:
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
