package growthgenius

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/readback"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// ReadBackPolicy says how a create without a usable response is looked for. A zero field
// means its default.
type ReadBackPolicy struct {
	// Disabled makes such a create an [*OutcomeUnknownError] at once.
	Disabled bool
	// Settle is how long the API is given to show a record it has created. Default 5s.
	Settle time.Duration
	// ReplayAfter, if it is not 0, sends the create again once a complete list has not
	// shown the record for that long, or for Settle if that is longer. It trades unknown
	// outcomes for a risk: an API that takes longer than that creates twice.
	ReplayAfter time.Duration
}

func (p ReadBackPolicy) withDefaults() ReadBackPolicy {
	p.Settle = cmp.Or(p.Settle, 5*time.Second)
	return p
}

// CreateToken is the token of one create. It holds what is needed to find out later, also
// in another process, whether the create happened. [BeforeCreate] passes it to the caller
// before anything is sent, [OutcomeUnknownError] carries it, and [ContactsService.Resolve]
// and [MessagesService.Resolve] take it. While the call that creates is still under way in
// the same client, they return an error at once.
//
// It is stored as JSON, which holds the content of the create but never the API key.
// Printed with %v or %s, it shows the resource and the time only.
type CreateToken struct {
	t readback.Token
}

// MarshalJSON writes the token for a journal.
func (t CreateToken) MarshalJSON() ([]byte, error) {
	if t.t.Version == 0 {
		return nil, errors.New("growthgenius: the CreateToken is empty: it comes from BeforeCreate or an OutcomeUnknownError")
	}
	return json.Marshal(t.t)
}

// UnmarshalJSON reads a token that MarshalJSON wrote, by this or an earlier version.
func (t *CreateToken) UnmarshalJSON(data []byte) error {
	var stored readback.Token
	if err := json.Unmarshal(data, &stored); err != nil {
		return fmt.Errorf("growthgenius: this is not a valid CreateToken: %w", err)
	}
	if err := stored.Check(); err != nil {
		return fmt.Errorf("growthgenius: %w", err)
	}
	t.t = stored
	return nil
}

// Except returns a token for the same create, to which these records do not belong: they are
// known to be the outcome of other creates.
func (t CreateToken) Except(ids ...ID) CreateToken {
	t.t.Taken = slices.Clone(t.t.Taken)
	for _, id := range ids {
		if !slices.Contains(t.t.Taken, wire.ID(id)) {
			t.t.Taken = append(t.t.Taken, wire.ID(id))
		}
	}
	return t
}

// String returns the resource and the time.
func (t CreateToken) String() string {
	if t.t.Version == 0 {
		return "growthgenius.CreateToken(none)"
	}
	return fmt.Sprintf("growthgenius.CreateToken(%s, %s)", t.t.Resource, t.t.Started.UTC().Format(time.RFC3339))
}

// GoString returns what String does: the content must not appear in logs.
func (t CreateToken) GoString() string { return t.String() }

// LogValue returns what String does.
func (t CreateToken) LogValue() slog.Value { return slog.StringValue(t.String()) }
