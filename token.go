package growthgenius

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"
)

// CreateToken is the token of one create: enough to find out later, also in another process
// on another day, whether it happened. [BeforeCreate] hands it over before anything is sent,
// [OutcomeUnknownError] carries it, [ContactsService.Resolve] and
// [MessagesService.Resolve] take it. While the call that creates is still under way in
// the same client they cannot tell, and say so at once.
//
// It is stored as JSON, which holds the content of the create but never the API key.
// Printed with %v or %s, it shows the resource and the time only.
type CreateToken struct {
	t token
}

// token is a CreateToken as stored.
type token struct {
	Version  int             `json:"version"`
	Nonce    string          `json:"nonce"`    // tells attempts of equal content apart
	Resource string          `json:"resource"` // "contact" or "message"
	UserID   ID              `json:"user_id"`
	Content  json.RawMessage `json:"content"` // the record as sent
	Started  time.Time       `json:"started"` // by the clock of the machine that sent it
	Ended    time.Time       `json:"ended,omitzero"`
	// How far the server's clock was ahead of that machine's, in nanoseconds.
	Ahead       *[2]time.Duration `json:"ahead,omitzero"`
	MarkerField string            `json:"marker_field,omitzero"`
	Marker      string            `json:"marker,omitzero"`
	// Ids of equal records that are known to be the outcome of other creates.
	Taken []ID `json:"taken,omitzero"`
	// An answer named a record that looks like another one, and may be this one as the
	// server rewrote it.
	Named bool `json:"named,omitzero"`
}

const tokenVersion = 1

// MarshalJSON writes the token for a journal.
func (a CreateToken) MarshalJSON() ([]byte, error) {
	if a.t.Version == 0 {
		return nil, errors.New("growthgenius: the CreateToken is empty: it comes from BeforeCreate or an OutcomeUnknownError")
	}
	return json.Marshal(a.t)
}

// UnmarshalJSON reads a token that MarshalJSON wrote, by this or an earlier version.
func (a *CreateToken) UnmarshalJSON(data []byte) error {
	var t token
	if err := json.Unmarshal(data, &t); err != nil {
		return fmt.Errorf("growthgenius: this is not a valid CreateToken: %w", err)
	}
	if t.Version != tokenVersion {
		return fmt.Errorf("growthgenius: a CreateToken of version %d cannot be read, only %d", t.Version, tokenVersion)
	}
	if t.Resource == "" || t.UserID == "" || t.Started.IsZero() || kindOf(t.Content) != kindObject {
		return errors.New("growthgenius: this is not a valid CreateToken: something is missing")
	}
	a.t = t
	return nil
}

// String names the resource and the time.
func (a CreateToken) String() string {
	if a.t.Version == 0 {
		return "growthgenius.CreateToken(none)"
	}
	return fmt.Sprintf("growthgenius.CreateToken(%s, %s)", a.t.Resource, a.t.Started.UTC().Format(time.RFC3339))
}

// GoString is String: the content is nobody's business in a log.
func (a CreateToken) GoString() string { return a.String() }

// LogValue is String.
func (a CreateToken) LogValue() slog.Value { return slog.StringValue(a.String()) }

// newToken makes the token of a create, and puts the marker into its body.
func (c caller) newToken(e *endpoint, o *callOptions) (CreateToken, error) {
	userID, err := actingUser(c.userID, o)
	if err != nil {
		return CreateToken{}, err
	}
	t := token{Version: tokenVersion, Nonce: rand.Text(), Resource: e.envelope.singular, UserID: userID, Started: time.Now().Round(0)}
	if in, ok := e.body.(ContactInput); ok && c.core.markerField != "" {
		field := reflect.ValueOf(&in).Elem().Field(schemaOf(reflect.TypeFor[ContactInput]()).index[c.core.markerField])
		if !field.IsZero() {
			return CreateToken{}, fmt.Errorf("%w: %s is the marker field (WithMarkerField) and cannot be set", ErrInvalidInput, c.core.markerField)
		}
		t.MarkerField, t.Marker = c.core.markerField, "gg-"+rand.Text()
		field.Set(reflect.ValueOf(Set(t.Marker)))
		e.body = in
	}
	if t.Content, err = encodeInput(e.body); err != nil {
		return CreateToken{}, err
	}
	e.body = t.Content
	if b := c.core.clock.bounds(); b.known {
		t.Ahead = &[2]time.Duration{b.low, b.high}
	}
	return CreateToken{t}, nil
}
