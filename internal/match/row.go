// Package match compares records of the API with what was sent to it.
//
// The API has no idempotency keys, so whether a record is the one that a call created, or
// the one that a caller means, is decided by its fields. All that decide it use the
// functions of this package, so that there is one notion of "the same". They are pure
// functions: the package knows nothing of HTTP, of clocks, and of what follows from a
// likeness.
package match

import (
	"encoding/json"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Row is a record as the API sent it, or as it was sent to the API: its fields as JSON.
type Row map[string]json.RawMessage

// ID returns the id of the record, or "" if it has none.
func (r Row) ID() wire.ID {
	var id wire.ID
	_ = wire.Unmarshal(r["id"], &id)
	return id
}

// Garbled reports whether some text of the record is not valid UTF-8, so that it cannot be
// compared.
func (r Row) Garbled() bool {
	for _, raw := range r {
		if !wire.IsText(raw) {
			return true
		}
	}
	return false
}

// Text returns a text, number or boolean as text, and "" for anything else.
func (r Row) Text(field string) string { return wire.ScalarText(r[field]) }

// Time returns a time, or the zero time if the field does not hold one.
func (r Row) Time(field string) time.Time {
	t, _ := ParseTime(r.Text(field))
	return t
}
