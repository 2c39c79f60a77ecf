package growthgenius

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// MessagesService is the Message API: communication between users and contacts.
type MessagesService struct{ caller caller }

// Message is a communication between a user and a contact.
//
// Text that is null at the API is "". The API has no creation or update time for
// messages, though its list selects by the latter. Encoding a Message leaves fields
// without a value out.
type Message struct {
	ID              ID        `json:"id,omitzero"`               // Documented.
	ContactID       ID        `json:"contact_id,omitzero"`       // The contact written to. Documented.
	MessageType     string    `json:"message_type,omitzero"`     // Such as "sales_force_message". Documented.
	RenderedSubject string    `json:"rendered_subject,omitzero"` // Only ever seen null; text is inferred.
	RenderedCopy    string    `json:"rendered_copy,omitzero"`    // The text as sent. Documented.
	SentAt          time.Time `json:"sent_at,omitzero"`          // Documented.
	TeamID          ID        `json:"team_id,omitzero"`          // Documented.
	UserID          ID        `json:"user_id,omitzero"`          // The user who wrote it, not the acting user of the call. Documented.

	// Extra keeps what no field above could take: unknown keys, and the raw value of
	// known keys whose type was unexpected. Encoding writes it again, and a key here
	// replaces the field of that name. Nil where there is none.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// MessageInput is what a message is created or updated with. A field left out is not
// sent, so an update keeps it; Null clears it. All fields are documented.
type MessageInput struct {
	ContactID       Optional[ID]        `json:"contact_id,omitzero"`
	MessageType     Optional[string]    `json:"message_type,omitzero"`
	RenderedSubject Optional[string]    `json:"rendered_subject,omitzero"`
	RenderedCopy    Optional[string]    `json:"rendered_copy,omitzero"`
	SentAt          Optional[time.Time] `json:"sent_at,omitzero"`
	TeamID          Optional[ID]        `json:"team_id,omitzero"`
	UserID          Optional[ID]        `json:"user_id,omitzero"`

	// Extra is sent beside the fields above. A key that is a field's own is an error.
	Extra map[string]any `json:",embed,unknown"`
}

var _ = wire.Describe(wire.Traits[Message]{
	Wrapper: "message",
	Named:   func(m *Message) bool { return m.ID != "" },
})

var messageEnvelope = wire.Envelope{Singular: "message", Plural: "messages"}

// Create records a message and returns it as the API stored it. As for contacts, the API
// does not deduplicate (documented), so [ContactsService.Create] says what holds here.
func (s *MessagesService) Create(ctx context.Context, in MessageInput, opts ...RequestOption) (*Message, error) {
	return createOne[Message](ctx, s.caller, endpoint{
		method: http.MethodPost, route: "/messages", body: in, envelope: messageEnvelope,
	}, opts)
}

// Get returns the message with the id. [ErrNotFound] means there is none.
func (s *MessagesService) Get(ctx context.Context, id ID, opts ...RequestOption) (*Message, error) {
	return callOne[Message](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/messages/{id}", id: &id, envelope: messageEnvelope,
	}, opts)
}

// Update changes the fields of in that are set, clears those that are null and keeps the
// others. It returns the whole message and is retried like a read.
func (s *MessagesService) Update(ctx context.Context, id ID, in MessageInput, opts ...RequestOption) (*Message, error) {
	return callOne[Message](ctx, s.caller, endpoint{
		method: http.MethodPatch, route: "/messages/{id}", id: &id, body: in, envelope: messageEnvelope,
	}, opts)
}

// Delete deletes the message. The answer the reference shows is a leftover of another
// call, so any 2xx is success, whatever its body, unless that is a page of HTML.
// [ErrNotFound] means there was none.
func (s *MessagesService) Delete(ctx context.Context, id ID, opts ...RequestOption) error {
	return callNone(ctx, s.caller, endpoint{method: http.MethodDelete, route: "/messages/{id}", id: &id, envelope: messageEnvelope}, opts)
}

// List returns the messages updated between two times. The API does not page this list,
// so the answer is as large as the API makes it; see Stream for one that may be long.
func (s *MessagesService) List(ctx context.Context, list ListOptions, opts ...RequestOption) ([]Message, error) {
	return callMany[Message](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/messages", query: list, envelope: messageEnvelope,
	}, opts)
}

// Stream returns the messages updated between two times one by one, as they arrive. It
// does so as [ContactsService.Stream] does.
func (s *MessagesService) Stream(ctx context.Context, list ListOptions, opts ...RequestOption) iter.Seq2[*Message, error] {
	return callStream[Message](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/messages", query: list, envelope: messageEnvelope,
	}, opts)
}

// Resolve finds out what became of a create, by the token that [BeforeCreate] or an
// [*OutcomeUnknownError] gave: it returns the message that was created, or [ErrNotFound]
// where a complete list does not have it, so that creating it again is safe, or an
// [*OutcomeUnknownError] where that still cannot be told. It waits until the settle
// window of the attempt has passed, and reads as the user who created. A create that this
// client knows to have happened is read under its id; where that fails, as after it was
// deleted, the error is an [*OutcomeUnknownError] too. A [WithHeader] of the create that
// says whose records are meant is to be given again.
func (s *MessagesService) Resolve(ctx context.Context, a CreateToken, opts ...RequestOption) (*Message, error) {
	return resolveOne[Message](ctx, s.caller, endpoint{method: http.MethodGet, route: "/messages", envelope: messageEnvelope}, a, opts)
}

func (m *Message) identity() ID { return m.ID }

// UnmarshalJSON decodes a message, bare or wrapped in {"message": ...}. A field of an
// unexpected type does not fail it: see Extra.
func (m *Message) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, m) }

// MarshalJSON encodes the message under the API's names, Extra included.
func (m Message) MarshalJSON() ([]byte, error) {
	type plain Message
	return wire.MarshalRecord((*plain)(&m))
}

// UnmarshalJSON reads an input back: an absent field is unset, null is Null. Keys that
// are no field's go to Extra, their numbers as [json.Number].
func (in *MessageInput) UnmarshalJSON(data []byte) error {
	type plain MessageInput
	return wire.UnmarshalInput(data, (*plain)(in))
}

// MarshalJSON encodes the fields that are set or null, and Extra. A key in Extra that is
// a field's own is an error.
func (in MessageInput) MarshalJSON() ([]byte, error) {
	type plain MessageInput
	return wire.MarshalInput((*plain)(&in))
}
