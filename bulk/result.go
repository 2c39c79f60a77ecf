package bulk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/growthgenius/growthgenius-go"
)

// Outcomes of the rows of an import.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged" // the contact has all values of the row
	Duplicate Outcome = "duplicate" // of an earlier row of the input
	Skipped   Outcome = "skipped"   // by the mode of the import, or because the contact has changed since the dry run
	Rejected  Outcome = "rejected"  // the row, or what it matches, has to be mended
	Failed    Outcome = "failed"    // nothing was created; an update may have been carried out
	Unknown   Outcome = "unknown"   // the contact may have been created: run the import again
	Pending   Outcome = "pending"   // the import ended before this row: run it again
)

// mostFailing is how many results in a row are Failed or, in an import, Unknown before a job
// ends.
const mostFailing = 50

// isRejected reports whether the API does not take what was sent as it is.
func isRejected(err error) bool {
	return errors.Is(err, growthgenius.ErrInvalidInput) || errors.Is(err, growthgenius.ErrBadRequest) ||
		errors.Is(err, growthgenius.ErrValidation) || errors.Is(err, growthgenius.ErrConflict)
}

// Result is what became of a row of an import or, in a dry run, what would.
type Result struct {
	Line    int // that of the row
	Outcome Outcome

	ID      growthgenius.ID // that of the contact; empty if there is none, or none that is known
	Changes []Change        // of a contact that was created or updated, in the order of their fields
	Of      int             // the line of the row that a Duplicate repeats

	// Kept are the values that an [Undo] leaves as they are: Old is the import's, New the present.
	Kept []Change

	// Field is the JSON name of the field that Err is about, or "".
	Field string
	// Err says why the outcome is Skipped, Rejected, Failed, Unknown, Pending or Kept. It is nil for
	// any other.
	Err error
	// Token is that of a create whose outcome is Unknown. The ledger has it, too.
	Token *growthgenius.CreateToken

	requests int // that it needed, those of retries aside
}

// Change is a value that was changed.
type Change struct {
	Field    string          // its JSON name
	Old, New json.RawMessage // Old is nil if the contact had no value
}

// String returns the field and its values.
func (c Change) String() string {
	if c.Old == nil {
		return fmt.Sprintf("%s: %s", c.Field, c.New)
	}
	return fmt.Sprintf("%s: %s → %s", c.Field, c.Old, c.New)
}

// String returns the result in a line, without the values of the row.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "line %d: %s", r.Line, r.Outcome)
	switch {
	case r.Outcome == Duplicate:
		fmt.Fprintf(&b, " of line %d", r.Of)
	case r.ID != "":
		fmt.Fprintf(&b, " contact %s", r.ID)
	}
	if r.Field != "" {
		fmt.Fprintf(&b, ": %s", r.Field)
	}
	if r.Err != nil {
		fmt.Fprintf(&b, ": %v", r.Err)
	}
	return b.String()
}
