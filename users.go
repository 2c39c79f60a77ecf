package growthgenius

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// UsersService is the User API: the members of the team.
type UsersService struct{ caller caller }

// User is a member of the team. Every field is documented.
type User struct {
	ID             ID        `json:"id,omitzero"`
	TeamID         ID        `json:"team_id,omitzero"`
	CreatedAt      time.Time `json:"created_at,omitzero"`
	Email          string    `json:"email,omitzero"`
	EmailBCC       string    `json:"email_bcc,omitzero"` // Where copies of the user's mail go.
	FirstName      string    `json:"first_name,omitzero"`
	FullName       string    `json:"full_name,omitzero"`
	LastName       string    `json:"last_name,omitzero"`
	ReportingEmail string    `json:"reporting_email,omitzero"`
	Roles          []string  `json:"roles,omitzero"` // Such as "admin".

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

var _ = wire.Describe(wire.Traits[User]{
	Wrapper: "user",
	Named:   func(u *User) bool { return u.ID != "" },
})

var userEnvelope = wire.Envelope{Singular: "user", Plural: "users"}

// List returns the users who have enabled integrations. It is the one call that needs no
// acting user, so it tells which ids there are to act as.
//
// The reference answers with "users" (documented), a later revision with a single "user":
// both are read.
func (s *UsersService) List(ctx context.Context, opts ...RequestOption) ([]User, error) {
	return callMany[User](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/users", anonymous: true, envelope: userEnvelope,
	}, opts)
}

// Current returns the acting user. It looks for the id in the list of users (documented)
// and asks for the single user (later) only where the list lacks it. [ErrNotFound] means
// that neither knows the id.
func (s *UsersService) Current(ctx context.Context, opts ...RequestOption) (*User, error) {
	o := applyOptions(opts)
	id, err := actingUser(s.caller.userID, &o)
	if err != nil {
		return nil, fmt.Errorf("growthgenius: GET /users: %w", err)
	}
	users, err := s.List(ctx, opts...)
	if err != nil {
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

// withID returns the user with the id, or nil.
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
// unexpected type does not fail it: see Extra.
func (u *User) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, u) }

// MarshalJSON encodes the user under the API's names, Extra included.
func (u User) MarshalJSON() ([]byte, error) {
	type plain User
	return wire.MarshalRecord((*plain)(&u))
}
