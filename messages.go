package growthgenius

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// MessagesService is the Message API: the communication between users and contacts.
type MessagesService struct{ caller caller }

// Message is a communication between a user and a contact. Its fields are documented
// unless a comment says otherwise.
//
// Text that is null in the API is "". A message has no creation or update time, although
// the API's list selects by the latter. Encoding a Message leaves out the fields that
// have no value.
type Message struct {
	ID          ID     `json:"id,omitzero"`
	ContactID   ID     `json:"contact_id,omitzero"`   // The contact it was sent to.
	MessageType string `json:"message_type,omitzero"` // Such as "sales_force_message".
	// RenderedSubject is null in all samples. That it is text is inferred.
	RenderedSubject string    `json:"rendered_subject,omitzero"`
	RenderedCopy    string    `json:"rendered_copy,omitzero"` // The text as sent.
	SentAt          time.Time `json:"sent_at,omitzero"`
	TeamID          ID        `json:"team_id,omitzero"`
	// UserID is the user who wrote the message, not the acting user of a call.
	UserID ID `json:"user_id,omitzero"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// MessageInput holds the fields to create or update a message with. A field that is not
// set is not sent, so an update leaves it unchanged; [Null] clears it. All fields are
// documented.
type MessageInput struct {
	ContactID       Optional[ID]        `json:"contact_id,omitzero"`
	MessageType     Optional[string]    `json:"message_type,omitzero"`
	RenderedSubject Optional[string]    `json:"rendered_subject,omitzero"`
	RenderedCopy    Optional[string]    `json:"rendered_copy,omitzero"`
	SentAt          Optional[time.Time] `json:"sent_at,omitzero"`
	TeamID          Optional[ID]        `json:"team_id,omitzero"`
	UserID          Optional[ID]        `json:"user_id,omitzero"`

	// Extra is sent along with the fields above. A key that belongs to one of them is an
	// error.
	Extra map[string]any `json:",embed,unknown"`
}

var _ = wire.Describe(wire.Traits[Message]{
	Wrapper: "message",
	Named:   func(m *Message) bool { return m.ID != "" },
})

var messageEnvelope = wire.Envelope{Singular: "message", Plural: "messages"}

// Create records a message and returns it as the API stored it.
//
// The API does not deduplicate messages either (documented). If the response is lost and
// the message is not in the list of recent updates, the error is an
// [*OutcomeUnknownError]: the message may exist. Do not call Create again then: pass the
// error's Token to [MessagesService.Resolve]. See [ContactsService.Create] for the
// details.
func (s *MessagesService) Create(ctx context.Context, in MessageInput, opts ...RequestOption) (*Message, error) {
	return createOnce[Message](ctx, s.caller, endpoint{
		method: http.MethodPost, route: "/messages", body: in, envelope: messageEnvelope,
	}, opts)
}

// Get returns the message with the id. [ErrNotFound] means that there is none.
func (s *MessagesService) Get(ctx context.Context, id ID, opts ...RequestOption) (*Message, error) {
	return callOne[Message](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/messages/{id}", id: id, envelope: messageEnvelope,
	}, opts)
}

// Update changes the fields that are set in the input, clears those that are null, and
// leaves the others unchanged. It returns the whole message. If the response is lost, the
// message is read before the update is sent again: see [ContactsService.Update]. Messages
// have no time of their last update, so a message that does not have all the fields that
// were sent is an [ErrChangedSince].
func (s *MessagesService) Update(ctx context.Context, id ID, in MessageInput, opts ...RequestOption) (*Message, error) {
	return updateOne[Message](ctx, s.caller, endpoint{
		method: http.MethodPatch, route: "/messages/{id}", id: id, body: in, envelope: messageEnvelope,
	}, nil, opts)
}

// Delete deletes the message with the id. [ErrNotFound] means that there was none.
//
// The reference shows the response of another call here, which must be a mistake. See
// [ContactsService.Delete] for which responses are a success.
func (s *MessagesService) Delete(ctx context.Context, id ID, opts ...RequestOption) error {
	return callNone(ctx, s.caller, endpoint{method: http.MethodDelete, route: "/messages/{id}", id: id, envelope: messageEnvelope}, opts)
}

// List returns the messages that were updated between two times. The API does not
// paginate this list: all of it is in one response. If it may be long, use
// [MessagesService.Stream]. If the response says that it is not the whole list, the error
// matches [ErrPartialResults]: see [ContactsService.List].
func (s *MessagesService) List(ctx context.Context, list ListOptions, opts ...RequestOption) ([]Message, error) {
	return callMany[Message](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/messages", query: list, envelope: messageEnvelope,
	}, opts)
}

// Stream returns an iterator over the messages that were updated between two times. It
// yields them as they arrive, and an error comes last: see [ContactsService.Stream].
func (s *MessagesService) Stream(ctx context.Context, list ListOptions, opts ...RequestOption) iter.Seq2[*Message, error] {
	return callStream[Message](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/messages", query: list, envelope: messageEnvelope,
	}, opts)
}

// Resolve finds out whether an earlier create happened. The token comes from
// [BeforeCreate] or from an [*OutcomeUnknownError], of this process or of another one.
//
// If the message was created, Resolve returns it. [ErrNotFound] means that a complete
// list does not have the message: the create did not happen, and it is safe to create the
// message again. An [*OutcomeUnknownError] means that the outcome is still not known:
// call Resolve again later.
//
// Resolve waits until the settle window has passed. To resolve several tokens, call it
// concurrently. See [ContactsService.Resolve] for the details.
func (s *MessagesService) Resolve(ctx context.Context, token CreateToken, opts ...RequestOption) (*Message, error) {
	return resolveOne[Message](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/messages", envelope: messageEnvelope,
	}, token, opts)
}

func (m *Message) identity() ID { return m.ID }

// changed returns a guess: messages do not say when they were updated.
func (m *Message) changed() time.Time { return m.SentAt }

// UnmarshalJSON decodes a message, bare or wrapped in {"message": ...}. A field of an
// unexpected type is not an error: see Extra.
func (m *Message) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, m) }

// MarshalJSON encodes the message under the API's names, Extra included.
func (m Message) MarshalJSON() ([]byte, error) {
	type plain Message
	return wire.MarshalRecord((*plain)(&m))
}

// UnmarshalJSON decodes an input. An absent field is not set, and null is Null. Unknown
// keys go into Extra, with their numbers as [json.Number].
func (in *MessageInput) UnmarshalJSON(data []byte) error {
	type plain MessageInput
	return wire.UnmarshalInput(data, (*plain)(in))
}

// MarshalJSON encodes the fields that are set or null, and Extra. A key in Extra that
// belongs to a field is an error.
func (in MessageInput) MarshalJSON() ([]byte, error) {
	type plain MessageInput
	return wire.MarshalInput((*plain)(&in))
}
