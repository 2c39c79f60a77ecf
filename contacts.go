package growthgenius

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// ContactsService is the Contact API: the people that the team has added to its database.
type ContactsService struct{ caller caller }

// Contact is a person that the team has added to its database. Its fields are documented
// unless a comment says otherwise.
//
// Text that is null in the API is "", a missing number is nil, and a missing time is the
// zero time. Search results have only a few of the fields. Encoding a Contact leaves out
// the fields that have no value.
type Contact struct {
	// ID is an integer in responses about contacts, and may be a UUID in search results.
	ID ID `json:"id,omitzero"`

	// The person.

	Name     string `json:"name,omitzero"`      // The name as displayed.
	FullName string `json:"full_name,omitzero"` // First and last name.
	// Search results may have FirstName under the misspelled key "fist_name", which is
	// read too.
	FirstName        string `json:"first_name,omitzero"`
	LastName         string `json:"last_name,omitzero"`
	Title            string `json:"title,omitzero"`            // The job title.
	Email            string `json:"email,omitzero"`            // Not unique.
	EmailStatus      string `json:"email_status,omitzero"`     // Such as "valid".
	EmailConfidence  *int   `json:"email_confidence,omitzero"` // 0 to 100 (inferred).
	LinkedInURL      string `json:"linkedin_url,omitzero"`     // No scheme in the samples.
	LinkedInUsername string `json:"linkedin_username,omitzero"`
	FacebookURL      string `json:"facebook_url,omitzero"`
	TwitterURL       string `json:"twitter_url,omitzero"`

	// FirstPhone and the numbers below are as entered. Phones returns the usable ones.
	FirstPhone     string `json:"first_phone,omitzero"`
	WorkPhone      string `json:"work_phone,omitzero"`
	CorporatePhone string `json:"corporate_phone,omitzero"`
	MobilePhone    string `json:"mobile_phone,omitzero"` // May be the text "NaN".
	HomePhone      string `json:"home_phone,omitzero"`
	OtherPhone     string `json:"other_phone,omitzero"`

	// The person's location.

	City    string `json:"city,omitzero"`
	State   string `json:"state,omitzero"`
	Country string `json:"country,omitzero"`

	// The company that the person works for.

	CompanyName         string `json:"company_name,omitzero"`
	CompanyNameInformal string `json:"company_name_informal,omitzero"`
	CompanyAddress      string `json:"company_address,omitzero"`
	CompanyCity         string `json:"company_city,omitzero"`
	CompanyState        string `json:"company_state,omitzero"`
	CompanyCountry      string `json:"company_country,omitzero"`
	CompanyLinkedInURL  string `json:"company_linkedin_url,omitzero"`
	Website             string `json:"website,omitzero"` // The company's; no scheme in the samples.
	Industry            string `json:"industry,omitzero"`
	AnnualRevenue       string `json:"annual_revenue,omitzero"` // Such as "$1-$10 million".
	EmployeeCount       string `json:"employee_count,omitzero"` // Such as "11-50".
	Keywords            string `json:"keywords,omitzero"`       // Separated by commas.
	Technologies        string `json:"technologies,omitzero"`   // Separated by commas.
	SEODescription      string `json:"seo_description,omitzero"`

	// The state of the team's work with the contact.

	Stage  string `json:"stage,omitzero"`  // Such as "Replied".
	Status string `json:"status,omitzero"` // Such as "Ongoing".
	// ContactAccount is the account that the contact belongs to, or nil.
	ContactAccount   *ContactAccount `json:"contact_account,omitzero"`
	ContactAccountID ID              `json:"contact_account_id,omitzero"`
	ProspectID       ID              `json:"prospect_id,omitzero"`
	// UserID is the user who owns the contact, not the acting user of a call.
	UserID ID `json:"user_id,omitzero"`

	// BadDataReason and UploadIdentifier are null in all samples. That they are text is
	// inferred.
	BadDataReason    string `json:"bad_data_reason,omitzero"`
	UploadIdentifier string `json:"upload_identifier,omitzero"`

	// LabelNames, Lists and UnstructuredData are null in all samples, so their JSON is
	// kept as it is.
	LabelNames       json.RawMessage `json:"label_names,omitzero"`
	Lists            json.RawMessage `json:"lists,omitzero"`
	UnstructuredData json.RawMessage `json:"unstructured_data,omitzero"`

	// Custom1 to Custom9 are the team's own fields. They are null in all samples. That
	// they are text is inferred.
	Custom1 string `json:"custom1,omitzero"`
	Custom2 string `json:"custom2,omitzero"`
	Custom3 string `json:"custom3,omitzero"`
	Custom4 string `json:"custom4,omitzero"`
	Custom5 string `json:"custom5,omitzero"`
	Custom6 string `json:"custom6,omitzero"`
	Custom7 string `json:"custom7,omitzero"`
	Custom8 string `json:"custom8,omitzero"`
	Custom9 string `json:"custom9,omitzero"`

	// CreatedAt and UpdatedAt are times of the server's clock.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`

	// Extra holds what fits no field above: unknown keys, and the raw values of known
	// keys whose type is unexpected. Encoding writes them again, and a key in Extra
	// replaces the field of that name. Extra is nil if there are none.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// ContactAccount is the account that a contact belongs to. Documented.
type ContactAccount struct {
	ID     ID     `json:"id,omitzero"`
	Status string `json:"status,omitzero"` // Such as "cold".

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// ContactInput holds the fields to create or update a contact with. A field that is not
// set is not sent, so an update leaves it unchanged; [Null] clears it.
//
// The reference allows every field of a contact in a create ("see response JSON for
// additional fields"). It does not say which of them the API stores.
type ContactInput struct {
	// The person.

	Name             Optional[string] `json:"name,omitzero"`
	FullName         Optional[string] `json:"full_name,omitzero"`
	FirstName        Optional[string] `json:"first_name,omitzero"`
	LastName         Optional[string] `json:"last_name,omitzero"`
	Title            Optional[string] `json:"title,omitzero"`
	Email            Optional[string] `json:"email,omitzero"`
	EmailStatus      Optional[string] `json:"email_status,omitzero"`
	EmailConfidence  Optional[int]    `json:"email_confidence,omitzero"`
	LinkedInURL      Optional[string] `json:"linkedin_url,omitzero"`
	LinkedInUsername Optional[string] `json:"linkedin_username,omitzero"`
	FacebookURL      Optional[string] `json:"facebook_url,omitzero"`
	TwitterURL       Optional[string] `json:"twitter_url,omitzero"`

	// Telephone numbers.

	FirstPhone     Optional[string] `json:"first_phone,omitzero"`
	WorkPhone      Optional[string] `json:"work_phone,omitzero"`
	CorporatePhone Optional[string] `json:"corporate_phone,omitzero"`
	MobilePhone    Optional[string] `json:"mobile_phone,omitzero"`
	HomePhone      Optional[string] `json:"home_phone,omitzero"`
	OtherPhone     Optional[string] `json:"other_phone,omitzero"`

	// The person's location.

	City    Optional[string] `json:"city,omitzero"`
	State   Optional[string] `json:"state,omitzero"`
	Country Optional[string] `json:"country,omitzero"`

	// The company that the person works for.

	CompanyName         Optional[string] `json:"company_name,omitzero"`
	CompanyNameInformal Optional[string] `json:"company_name_informal,omitzero"`
	CompanyAddress      Optional[string] `json:"company_address,omitzero"`
	CompanyCity         Optional[string] `json:"company_city,omitzero"`
	CompanyState        Optional[string] `json:"company_state,omitzero"`
	CompanyCountry      Optional[string] `json:"company_country,omitzero"`
	CompanyLinkedInURL  Optional[string] `json:"company_linkedin_url,omitzero"`
	Website             Optional[string] `json:"website,omitzero"`
	Industry            Optional[string] `json:"industry,omitzero"`
	AnnualRevenue       Optional[string] `json:"annual_revenue,omitzero"`
	EmployeeCount       Optional[string] `json:"employee_count,omitzero"`
	Keywords            Optional[string] `json:"keywords,omitzero"`
	Technologies        Optional[string] `json:"technologies,omitzero"`
	SEODescription      Optional[string] `json:"seo_description,omitzero"`

	// The state of the team's work with the contact.

	Stage            Optional[string]          `json:"stage,omitzero"`
	Status           Optional[string]          `json:"status,omitzero"`
	ContactAccount   Optional[ContactAccount]  `json:"contact_account,omitzero"`
	ContactAccountID Optional[ID]              `json:"contact_account_id,omitzero"`
	ProspectID       Optional[ID]              `json:"prospect_id,omitzero"`
	UserID           Optional[ID]              `json:"user_id,omitzero"`
	BadDataReason    Optional[string]          `json:"bad_data_reason,omitzero"`
	UploadIdentifier Optional[string]          `json:"upload_identifier,omitzero"`
	LabelNames       Optional[json.RawMessage] `json:"label_names,omitzero"`
	Lists            Optional[json.RawMessage] `json:"lists,omitzero"`
	UnstructuredData Optional[json.RawMessage] `json:"unstructured_data,omitzero"`

	// Custom1 to Custom9 are the team's own fields. That they are text is inferred.
	Custom1 Optional[string] `json:"custom1,omitzero"`
	Custom2 Optional[string] `json:"custom2,omitzero"`
	Custom3 Optional[string] `json:"custom3,omitzero"`
	Custom4 Optional[string] `json:"custom4,omitzero"`
	Custom5 Optional[string] `json:"custom5,omitzero"`
	Custom6 Optional[string] `json:"custom6,omitzero"`
	Custom7 Optional[string] `json:"custom7,omitzero"`
	Custom8 Optional[string] `json:"custom8,omitzero"`
	Custom9 Optional[string] `json:"custom9,omitzero"`

	// Extra is sent along with the fields above. A key that belongs to one of them is an
	// error.
	Extra map[string]any `json:",embed,unknown"`
}

var _ = wire.Describe(wire.Traits[Contact]{
	Wrapper: "contact",
	Named:   func(c *Contact) bool { return c.ID != "" },
	Alias:   map[string]string{"fist_name": "first_name"}, // in the search sample
})

var contactEnvelope = wire.Envelope{Singular: "contact", Plural: "contacts"}

// Create creates a contact and returns it as the API stored it.
//
// The API does not deduplicate (documented): each call creates a contact, even if one
// with the same e-mail address, or the same name and company, exists. To update an
// existing contact instead, use [ContactsService.Upsert].
//
// A create is retried only if it provably never reached the API, or if the response was
// 429. If the response is lost, Create looks for the contact in the list of recent
// updates, and returns the contact if it is there. Otherwise the error is an
// [*OutcomeUnknownError]: the contact may exist. Do not call Create again then: pass the
// error's Token to [ContactsService.Resolve]. With [ReadBackPolicy].ReplayAfter, Create
// sends the contact again itself, once a complete list has not shown it for that long.
//
// Any other error means that no contact was created. If the context ends after the
// request was sent, the outcome is unknown and the error matches both [ErrOutcomeUnknown]
// and the context's error, so check for ErrOutcomeUnknown first.
func (s *ContactsService) Create(ctx context.Context, in ContactInput, opts ...RequestOption) (*Contact, error) {
	return createOnce[Contact](ctx, s.caller, endpoint{
		method: http.MethodPost, route: "/contacts", body: in, envelope: contactEnvelope,
	}, opts)
}

// Get returns the contact with the id. [ErrNotFound] means that there is none.
func (s *ContactsService) Get(ctx context.Context, id ID, opts ...RequestOption) (*Contact, error) {
	return callOne[Contact](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/contacts/{id}", id: id, envelope: contactEnvelope,
	}, opts)
}

// Update changes the fields that are set in the input, clears those that are null, and
// leaves the others unchanged. It returns the whole contact.
//
// If the response is lost, Update gets the contact before it sends the update again. If the
// contact has all the fields that were sent, it is the result. If it may have been changed
// since by another program, nothing is sent, and the error is [ErrChangedSince]. Update also
// gets the contact if the response is a success without a record, such as status 204.
func (s *ContactsService) Update(ctx context.Context, id ID, in ContactInput, opts ...RequestOption) (*Contact, error) {
	return s.update(ctx, id, in, nil, opts)
}

// update is Update for a contact that was read before, or nil.
func (s *ContactsService) update(ctx context.Context, id ID, in ContactInput, before match.Row, opts []RequestOption) (*Contact, error) {
	return updateOne[Contact](ctx, s.caller, endpoint{
		method: http.MethodPatch, route: "/contacts/{id}", id: id, body: in, envelope: contactEnvelope,
	}, before, opts)
}

// Delete deletes the contact with the id. [ErrNotFound] means that there was none.
//
// The response is not documented: any 2xx status is a success, without a body or with JSON
// that reports no error. Other text is a proxy's, and the delete is tried again. Status 404 is a success if an earlier attempt of the same call may
// have deleted the contact, and the 404 is the API's own: JSON that says that a record was
// not found. A gateway's 404 is [ErrNotFound].
func (s *ContactsService) Delete(ctx context.Context, id ID, opts ...RequestOption) error {
	return callNone(ctx, s.caller, endpoint{method: http.MethodDelete, route: "/contacts/{id}", id: id, envelope: contactEnvelope}, opts)
}

// List returns the contacts that were updated between two times. The API does not
// paginate this list: all of it is in one response. If it may be long, use
// [ContactsService.Stream].
//
// If the response says that it is not the whole list, List returns the contacts that it
// has, and an error that matches [ErrPartialResults]. It may say so by status 206, by a
// Content-Range or Link header, or by members beside the list, such as has_more, next_page,
// total_entries or error. Ask for a shorter period, or use [ContactsService.Changes], which
// does so by itself.
//
// A server may also cut a list without saying so. If the list has a round number of
// contacts from 20 to 10,000 and no list of this client had more within an hour, List reads
// it again in two parts, and returns that error if they show a contact that it lacked. All
// other lists cost one request, and a cut at another number goes unnoticed.
func (s *ContactsService) List(ctx context.Context, list ListOptions, opts ...RequestOption) ([]Contact, error) {
	return callMany[Contact](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/contacts", query: list, envelope: contactEnvelope,
	}, opts)
}

// Stream returns an iterator over the contacts that were updated between two times. It
// yields them as they arrive, so memory does not grow with the length of the list.
//
// Each range over the iterator sends a request of its own, and leaving the loop ends it.
// An error comes last, with a nil contact, after all contacts that arrived before it. A
// list that breaks off is always an error. The request is retried only if it failed
// before the first contact arrived. [ErrPartialResults] means the same as in
// [ContactsService.List].
//
// [WithAttemptTimeout] bounds the wait for the response and for each further piece of it,
// but not the work of the loop. [WithMaxResponseBytes] bounds each contact, not the list.
func (s *ContactsService) Stream(ctx context.Context, list ListOptions, opts ...RequestOption) iter.Seq2[*Contact, error] {
	return callStream[Contact](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/contacts", query: list, envelope: contactEnvelope,
	}, opts)
}

// Resolve finds out whether an earlier create happened. The token comes from
// [BeforeCreate] or from an [*OutcomeUnknownError], of this process or of another one.
//
// If the contact was created, Resolve returns it. [ErrNotFound] means that a complete
// list does not have the contact: the create did not happen, and it is safe to create the
// contact again. An [*OutcomeUnknownError] means that the outcome is still not known:
// call Resolve again later.
//
// Resolve waits until the settle window has passed since the last request of the create,
// unless the list shows the contact earlier. The window is [ReadBackPolicy].Settle, or
// ReplayAfter if that is longer. A token from BeforeCreate does not say when that request
// ended: it is taken to have lasted for [WithAttemptTimeout]. If the list is not conclusive
// then, it is read a few more times. To resolve several tokens, call Resolve concurrently:
// calls that wait at the same time share their reads of the list, and take little longer
// than a single one.
//
// The list is read as the user who created the contact. Use a client of the same account,
// since the lists of another account do not have the contact. If the create was sent with
// a [WithHeader] that selects whose records are meant, pass that option again.
//
// A contact that this client already knows to have been created is read by its id. If
// that fails, for example because the contact has been deleted since, the error is an
// [*OutcomeUnknownError], not ErrNotFound. While the call that creates the contact is
// still running in this client, the error is an [*OutcomeUnknownError] at once.
func (s *ContactsService) Resolve(ctx context.Context, token CreateToken, opts ...RequestOption) (*Contact, error) {
	return resolveOne[Contact](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/contacts", envelope: contactEnvelope,
	}, token, opts)
}

// Phones returns the contact's usable telephone numbers: trimmed, and each only once. It
// leaves out "NaN" (documented) and "null" (inferred), which stand for missing numbers.
// The order is first, work, corporate, mobile, home, other.
func (c *Contact) Phones() []string {
	var phones []string
	seen := map[string]bool{"": true, "nan": true, "null": true}
	for _, phone := range []string{c.FirstPhone, c.WorkPhone, c.CorporatePhone, c.MobilePhone, c.HomePhone, c.OtherPhone} {
		phone = strings.TrimSpace(phone)
		if key := strings.ToLower(phone); !seen[key] {
			seen[key] = true
			phones = append(phones, phone)
		}
	}
	return phones
}

func (c *Contact) updated() time.Time { return c.UpdatedAt }

func (c *Contact) identity() ID { return c.ID }

func (c *Contact) changed() time.Time { return c.UpdatedAt }

// UnmarshalJSON decodes a contact, bare or wrapped in {"contact": ...}. A field of an
// unexpected type is not an error: see Extra.
func (c *Contact) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, c) }

// MarshalJSON encodes the contact under the API's names, Extra included.
func (c Contact) MarshalJSON() ([]byte, error) {
	type plain Contact
	return wire.MarshalRecord((*plain)(&c))
}

// UnmarshalJSON decodes an account. A field of an unexpected type is not an error: see
// Extra.
func (a *ContactAccount) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, a) }

// MarshalJSON encodes the account, Extra included.
func (a ContactAccount) MarshalJSON() ([]byte, error) {
	type plain ContactAccount
	return wire.MarshalRecord((*plain)(&a))
}

// marked implements [markable].
func (in ContactInput) marked(field string) (input any, marker string, err error) {
	custom := customField(&in, field)
	if !custom.IsZero() {
		return nil, "", fmt.Errorf("%w: %s is the marker field (WithMarkerField) and cannot be set", ErrInvalidInput, field)
	}
	marker = "gg-" + rand.Text()
	*custom = Set(marker)
	return in, marker, nil
}

// customField returns the field with this name, one of custom1 to custom9.
func customField(in *ContactInput, name string) *Optional[string] {
	fields := [...]*Optional[string]{
		&in.Custom1, &in.Custom2, &in.Custom3, &in.Custom4, &in.Custom5,
		&in.Custom6, &in.Custom7, &in.Custom8, &in.Custom9,
	}
	return fields[name[len(name)-1]-'1']
}

// UnmarshalJSON decodes an input. An absent field is not set, and null is Null. Unknown
// keys go into Extra, with their numbers as [json.Number].
func (in *ContactInput) UnmarshalJSON(data []byte) error {
	type plain ContactInput
	return wire.UnmarshalInput(data, (*plain)(in))
}

// MarshalJSON encodes the fields that are set or null, and Extra. A key in Extra that
// belongs to a field is an error.
func (in ContactInput) MarshalJSON() ([]byte, error) {
	type plain ContactInput
	return wire.MarshalInput((*plain)(&in))
}
