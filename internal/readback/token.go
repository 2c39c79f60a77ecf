package readback

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Token is the token of one create as it is stored: enough to find out later, also in
// another process, whether the create happened.
type Token struct {
	Version  int             `json:"version"`
	Nonce    string          `json:"nonce"`    // distinguishes creates of equal content
	Resource string          `json:"resource"` // match.Contact or match.Message
	UserID   wire.ID         `json:"user_id"`
	Content  json.RawMessage `json:"content"` // the record as sent
	Started  time.Time       `json:"started"` // when it left, by the clock of that machine
	Ended    time.Time       `json:"ended,omitzero"`
	// Ahead is how far the server's clock was ahead of that machine's: at least and at
	// most, in nanoseconds.
	Ahead *[2]time.Duration `json:"ahead,omitzero"`
	// Stamps is the same for the clock that the records have their times from.
	Stamps *[2]time.Duration `json:"stamps,omitzero"`
	// Since is when an equal create began that was given a record from a list. That may
	// have been the record of this create, which then may be given the other one's.
	Since       time.Time `json:"since,omitzero"`
	MarkerField string    `json:"marker_field,omitzero"`
	Marker      string    `json:"marker,omitzero"`
	// Taken are ids of equal records that are known to be the outcome of other creates.
	Taken []wire.ID `json:"taken,omitzero"`
	// Named means that a response named a record that looks like another one. It may still
	// be the record of this create, as the server rewrote it.
	Named bool `json:"named,omitzero"`
}

const tokenVersion = 1

// NewToken returns the token of a create that is about to be sent, without a marker.
func (t *Tracker) NewToken(resource string, user wire.ID, content json.RawMessage) Token {
	token := Token{
		Version: tokenVersion, Nonce: rand.Text(), Resource: resource, UserID: user,
		Content: content, Started: time.Now().Round(0),
	}
	t.setClocks(&token)
	return token
}

// setClocks stores in a token what is known of the clocks, unless it has that.
func (t *Tracker) setClocks(token *Token) {
	if b := t.clock.bounds(); b.known && token.Ahead == nil {
		token.Ahead = &[2]time.Duration{b.low, b.high}
	}
	if b := t.records.bounds(); b.known && token.Stamps == nil {
		token.Stamps = &[2]time.Duration{b.low, b.high}
	}
}

// Check returns an error if a token that was read from JSON is not one that this package
// can use.
func (t Token) Check() error {
	if t.Version != tokenVersion {
		return fmt.Errorf("a CreateToken of version %d cannot be read, only %d", t.Version, tokenVersion)
	}
	if t.Resource == "" || t.UserID == "" || t.Started.IsZero() ||
		wire.KindOf(t.Content) != wire.KindObject {
		return errors.New("this is not a valid CreateToken: something is missing")
	}
	return nil
}
