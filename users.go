package growthgenius

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// UsersService is the User API: the members of the team.
type UsersService struct{ caller caller }

// User is a member of the team. All fields are documented.
type User struct {
	ID             ID        `json:"id,omitzero"`
	TeamID         ID        `json:"team_id,omitzero"`
	CreatedAt      time.Time `json:"created_at,omitzero"`
	Email          string    `json:"email,omitzero"`
	EmailBCC       string    `json:"email_bcc,omitzero"` // Receives copies of the user's mail.
	FirstName      string    `json:"first_name,omitzero"`
	FullName       string    `json:"full_name,omitzero"`
	LastName       string    `json:"last_name,omitzero"`
	ReportingEmail string    `json:"reporting_email,omitzero"`
	Roles          []string  `json:"roles,omitzero"` // Such as "admin".

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

var _ = wire.Describe(wire.Traits[User]{
	Wrapper: "user",
	Named:   func(u *User) bool { return u.ID != "" },
})

var userEnvelope = wire.Envelope{Singular: "user", Plural: "users"}

// List returns the users who have enabled integrations. It is the only call that needs no
// acting user, so it can be used to find the ids of the users to act for.
//
// The response has a list under "users" (documented) or a single "user" (later). Both are
// accepted.
func (s *UsersService) List(ctx context.Context, opts ...RequestOption) ([]User, error) {
	return callMany[User](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/users", anonymous: true, envelope: userEnvelope,
	}, opts)
}

// Current returns the acting user. It looks for the user in the list of users
// (documented), and only if the list does not have it, requests the single user (later).
// [ErrNotFound] means that neither response has a user with the id.
func (s *UsersService) Current(ctx context.Context, opts ...RequestOption) (*User, error) {
	o := applyOptions(opts)
	id, err := actingUser(s.caller.userID, &o)
	if err != nil {
		return nil, fmt.Errorf("growthgenius: GET /users: %w", err)
	}
	users, err := s.List(ctx, opts...)
	if err != nil && !errors.Is(err, ErrPartialResults) {
		return nil, err
	}
	if u := withID(users, id); u != nil {
		return u, nil
	}
	e := endpoint{method: http.MethodGet, route: "/users/", envelope: userEnvelope}
	if users, err = callMany[User](ctx, s.caller, e, opts); err != nil {
		return nil, err
	}
	if u := withID(users, id); u != nil {
		return u, nil
	}
	return nil, e.refuse(fmt.Errorf("%w: the API knows no user with the acting id", ErrNotFound))
}

// withID returns the user with the id, or nil if there is none.
func withID(users []User, id ID) *User {
	for i := range users {
		if users[i].ID == id {
			return &users[i]
		}
	}
	return nil
}

func (u *User) identity() ID { return u.ID }

// UnmarshalJSON decodes a user, bare or wrapped in {"user": ...}. A field of an
// unexpected type is not an error: see Extra.
func (u *User) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, u) }

// MarshalJSON encodes the user under the API's names, Extra included.
func (u User) MarshalJSON() ([]byte, error) {
	type plain User
	return wire.MarshalRecord((*plain)(&u))
}
