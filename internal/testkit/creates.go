package testkit

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// KeepToken returns an option that stores the token of a create as a journal does: as JSON,
// before the create is sent.
func KeepToken(t testing.TB, journal *[]byte) growthgenius.RequestOption {
	t.Helper()
	return growthgenius.BeforeCreate(func(token growthgenius.CreateToken) error {
		var err error
		*journal, err = json.Marshal(token)
		return err
	})
}

// ReadToken returns the token that a journal holds.
func ReadToken(t testing.TB, journal []byte) growthgenius.CreateToken {
	t.Helper()
	return Decode[growthgenius.CreateToken](t, string(journal))
}

// ThroughJSON returns the token as another process reads it from a journal.
func ThroughJSON(t testing.TB, token growthgenius.CreateToken) growthgenius.CreateToken {
	t.Helper()
	return ReadToken(t, []byte(JSON(t, token)))
}

// Outcome is what a call returned of a create: the id of its record, or an error.
type Outcome struct {
	ID  growthgenius.ID
	Err error
}

// Resolve resolves the token of a create of a "contact" or a "message".
func Resolve(t testing.TB, c *growthgenius.Client, resource string, token growthgenius.CreateToken) Outcome {
	t.Helper()
	if resource == "contact" {
		contact, err := c.Contacts.Resolve(t.Context(), token)
		if err != nil {
			return Outcome{Err: err}
		}
		return Outcome{ID: contact.ID}
	}
	message, err := c.Messages.Resolve(t.Context(), token)
	if err != nil {
		return Outcome{Err: err}
	}
	return Outcome{ID: message.ID}
}

// Slowly is a transport that holds back the response to one of the POSTs.
type Slowly struct {
	http.RoundTripper
	Nth   int // POST, from 1
	By    time.Duration
	posts atomic.Int64
}

// RoundTrip sends a request.
func (s *Slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	held := r.Method == http.MethodPost && s.posts.Add(1) == int64(s.Nth)
	res, err := s.RoundTripper.RoundTrip(r)
	if held {
		time.Sleep(s.By)
	}
	return res, err
}
