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

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// ContactsService is the Contact API: people the team has added to its database.
type ContactsService struct{ caller caller }

// Contact is a person the team has added to its database.
//
// Text that is null at the API is "", an absent number is nil, an absent time is the
// zero time. Search results carry only a few of the fields. Encoding a Contact leaves
// fields without a value out.
type Contact struct {
	ID ID `json:"id,omitzero"` // ID is an integer in contact answers and may be a UUID in search results. Documented.

	// Who the person is.

	Name             string `json:"name,omitzero"`              // The person's name, as shown. Documented.
	FullName         string `json:"full_name,omitzero"`         // First and last name in one. Documented.
	FirstName        string `json:"first_name,omitzero"`        // Search results may misspell the key as "fist_name"; that is read too. Documented.
	LastName         string `json:"last_name,omitzero"`         // Documented.
	Title            string `json:"title,omitzero"`             // The job title. Documented.
	Email            string `json:"email,omitzero"`             // Not unique: the API does not deduplicate. Documented.
	EmailStatus      string `json:"email_status,omitzero"`      // What is known of the address, such as "valid". Documented.
	EmailConfidence  *int   `json:"email_confidence,omitzero"`  // 0 to 100 by its looks; nil where the API says null. Documented.
	LinkedInURL      string `json:"linkedin_url,omitzero"`      // Without a scheme in the reference. Documented.
	LinkedInUsername string `json:"linkedin_username,omitzero"` // Documented.
	FacebookURL      string `json:"facebook_url,omitzero"`      // Documented.
	TwitterURL       string `json:"twitter_url,omitzero"`       // Documented.

	// Telephone numbers, as entered; see Phones for the usable ones.

	FirstPhone     string `json:"first_phone,omitzero"`     // Documented.
	WorkPhone      string `json:"work_phone,omitzero"`      // Documented.
	CorporatePhone string `json:"corporate_phone,omitzero"` // Documented.
	MobilePhone    string `json:"mobile_phone,omitzero"`    // The text "NaN" occurs. Documented.
	HomePhone      string `json:"home_phone,omitzero"`      // Documented.
	OtherPhone     string `json:"other_phone,omitzero"`     // Documented.

	// Where the person is.

	City    string `json:"city,omitzero"`    // Documented.
	State   string `json:"state,omitzero"`   // Documented.
	Country string `json:"country,omitzero"` // Documented.

	// The company the person works for.

	CompanyName         string `json:"company_name,omitzero"`          // Documented.
	CompanyNameInformal string `json:"company_name_informal,omitzero"` // Documented.
	CompanyAddress      string `json:"company_address,omitzero"`       // Documented.
	CompanyCity         string `json:"company_city,omitzero"`          // Documented.
	CompanyState        string `json:"company_state,omitzero"`         // Documented.
	CompanyCountry      string `json:"company_country,omitzero"`       // Documented.
	CompanyLinkedInURL  string `json:"company_linkedin_url,omitzero"`  // Documented.
	Website             string `json:"website,omitzero"`               // The company's, without a scheme in the reference. Documented.
	Industry            string `json:"industry,omitzero"`              // Documented.
	AnnualRevenue       string `json:"annual_revenue,omitzero"`        // A range as text, such as "$1-$10 million". Documented.
	EmployeeCount       string `json:"employee_count,omitzero"`        // A range as text, such as "11-50". Documented.
	Keywords            string `json:"keywords,omitzero"`              // Separated by commas. Documented.
	Technologies        string `json:"technologies,omitzero"`          // Separated by commas, or "". Documented.
	SEODescription      string `json:"seo_description,omitzero"`       // Documented.

	// Where the contact stands in the team's work.

	Stage            string          `json:"stage,omitzero"`              // Such as "Replied". Documented.
	Status           string          `json:"status,omitzero"`             // Such as "Ongoing". Documented.
	ContactAccount   *ContactAccount `json:"contact_account,omitzero"`    // The account the contact belongs to; nil where there is none. Documented.
	ContactAccountID ID              `json:"contact_account_id,omitzero"` // Documented.
	ProspectID       ID              `json:"prospect_id,omitzero"`        // Documented.
	UserID           ID              `json:"user_id,omitzero"`            // The user who owns the contact, not the acting user of the call. Documented.
	BadDataReason    string          `json:"bad_data_reason,omitzero"`    // Only ever seen null; text is inferred.
	UploadIdentifier string          `json:"upload_identifier,omitzero"`  // Only ever seen null; text is inferred.
	LabelNames       json.RawMessage `json:"label_names,omitzero"`        // Only ever seen null, so it is kept as it comes.
	Lists            json.RawMessage `json:"lists,omitzero"`              // Only ever seen null, so it is kept as it comes.
	UnstructuredData json.RawMessage `json:"unstructured_data,omitzero"`  // Only ever seen null, so it is kept as it comes.

	// Fields of the team's own; only ever seen null, text is inferred.

	Custom1 string `json:"custom1,omitzero"`
	Custom2 string `json:"custom2,omitzero"`
	Custom3 string `json:"custom3,omitzero"`
	Custom4 string `json:"custom4,omitzero"`
	Custom5 string `json:"custom5,omitzero"`
	Custom6 string `json:"custom6,omitzero"`
	Custom7 string `json:"custom7,omitzero"`
	Custom8 string `json:"custom8,omitzero"`
	Custom9 string `json:"custom9,omitzero"`

	// When, by the server's clock; the zero time where the API says null.

	CreatedAt time.Time `json:"created_at,omitzero"` // Documented.
	UpdatedAt time.Time `json:"updated_at,omitzero"` // Documented.

	// Extra keeps what no field above could take: unknown keys, and the raw value of
	// known keys whose type was unexpected. Encoding writes it again, and a key here
	// replaces the field of that name. Nil where there is none.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// ContactAccount is the account a contact belongs to. Documented.
type ContactAccount struct {
	ID     ID     `json:"id,omitzero"`
	Status string `json:"status,omitzero"` // Such as "cold".

	// Extra keeps unknown keys and values of unexpected types, as Contact.Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// ContactInput is what a contact is created or updated with. A field left out is not
// sent, so an update keeps it; Null clears it.
//
// The reference allows every field of a contact in a create ("see response JSON for
// additional fields"); which of them the API then keeps is not documented.
type ContactInput struct {
	// Who the person is.

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

	// Telephone numbers, as entered; see Phones for the usable ones.

	FirstPhone     Optional[string] `json:"first_phone,omitzero"`
	WorkPhone      Optional[string] `json:"work_phone,omitzero"`
	CorporatePhone Optional[string] `json:"corporate_phone,omitzero"`
	MobilePhone    Optional[string] `json:"mobile_phone,omitzero"`
	HomePhone      Optional[string] `json:"home_phone,omitzero"`
	OtherPhone     Optional[string] `json:"other_phone,omitzero"`

	// Where the person is.

	City    Optional[string] `json:"city,omitzero"`
	State   Optional[string] `json:"state,omitzero"`
	Country Optional[string] `json:"country,omitzero"`

	// The company the person works for.

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

	// Where the contact stands in the team's work.

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

	// Fields of the team's own; only ever seen null, text is inferred.

	Custom1 Optional[string] `json:"custom1,omitzero"`
	Custom2 Optional[string] `json:"custom2,omitzero"`
	Custom3 Optional[string] `json:"custom3,omitzero"`
	Custom4 Optional[string] `json:"custom4,omitzero"`
	Custom5 Optional[string] `json:"custom5,omitzero"`
	Custom6 Optional[string] `json:"custom6,omitzero"`
	Custom7 Optional[string] `json:"custom7,omitzero"`
	Custom8 Optional[string] `json:"custom8,omitzero"`
	Custom9 Optional[string] `json:"custom9,omitzero"`

	// Extra is sent beside the fields above. A key that is a field's own is an error.
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
// The API does not deduplicate (documented): each call creates a contact, even where one
// with the same e-mail or name and company exists. A create is therefore sent again only
// if it provably never reached the API or was refused with 429, and after absence only
// where [ReadBackPolicy].ReplayAfter asks for it. Where its outcome cannot be told the error
// is an [*OutcomeUnknownError], never a plain failure; do not call Create again on it
// without looking.
func (s *ContactsService) Create(ctx context.Context, in ContactInput, opts ...RequestOption) (*Contact, error) {
	return createOne[Contact](ctx, s.caller, endpoint{
		method: http.MethodPost, route: "/contacts", body: in, envelope: contactEnvelope,
	}, opts)
}

// Get returns the contact with the id. [ErrNotFound] means there is none.
func (s *ContactsService) Get(ctx context.Context, id ID, opts ...RequestOption) (*Contact, error) {
	return callOne[Contact](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/contacts/{id}", id: &id, envelope: contactEnvelope,
	}, opts)
}

// Update changes the fields of in that are set, clears those that are null and keeps the
// others. It returns the whole contact. Sending an update twice does no harm, so it is
// retried like a read.
func (s *ContactsService) Update(ctx context.Context, id ID, in ContactInput, opts ...RequestOption) (*Contact, error) {
	return callOne[Contact](ctx, s.caller, endpoint{
		method: http.MethodPatch, route: "/contacts/{id}", id: &id, body: in, envelope: contactEnvelope,
	}, opts)
}

// Delete deletes the contact. What the API answers is not documented: any 2xx is
// success, whatever its body, unless that is a page of HTML. [ErrNotFound] means there
// was no such contact.
func (s *ContactsService) Delete(ctx context.Context, id ID, opts ...RequestOption) error {
	return callNone(ctx, s.caller, endpoint{method: http.MethodDelete, route: "/contacts/{id}", id: &id, envelope: contactEnvelope}, opts)
}

// List returns the contacts updated between two times. The API does not page this list,
// so the answer is as large as the API makes it; see Stream for one that may be long.
func (s *ContactsService) List(ctx context.Context, list ListOptions, opts ...RequestOption) ([]Contact, error) {
	return callMany[Contact](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/contacts", query: list, envelope: contactEnvelope,
	}, opts)
}

// Stream returns the contacts updated between two times one by one, as they arrive: memory
// does not grow with their number, and the first comes long before the last. Each range
// over it is a request of its own, and breaking out ends that.
//
// An error comes last, with a nil contact, and after all contacts before it: a list that
// breaks off is never taken for a short one. It is sent again only where it failed before
// its first contact. [WithAttemptTimeout] bounds the wait for the answer and for each
// further piece of it, and not the work of the loop; [WithMaxResponseBytes] bounds each
// contact, and not the whole.
func (s *ContactsService) Stream(ctx context.Context, list ListOptions, opts ...RequestOption) iter.Seq2[*Contact, error] {
	return callStream[Contact](ctx, s.caller, endpoint{
		method: http.MethodGet, route: "/contacts", query: list, envelope: contactEnvelope,
	}, opts)
}

// Resolve finds out what became of a create, by the token that [BeforeCreate] or an
// [*OutcomeUnknownError] gave: it returns the contact that was created, or [ErrNotFound]
// where a complete list does not have it, so that creating it again is safe, or an
// [*OutcomeUnknownError] where that still cannot be told. It waits until the settle
// window of the attempt has passed, and reads as the user who created. A create that this
// client knows to have happened is read under its id; where that fails, as after it was
// deleted, the error is an [*OutcomeUnknownError] too. A [WithHeader] of the create that
// says whose records are meant is to be given again.
func (s *ContactsService) Resolve(ctx context.Context, a CreateToken, opts ...RequestOption) (*Contact, error) {
	return resolveOne[Contact](ctx, s.caller, endpoint{method: http.MethodGet, route: "/contacts", envelope: contactEnvelope}, a, opts)
}

// Phones returns the telephone numbers that hold one: without blanks around them, each
// once, and without the texts "NaN" (documented) and "null" (inferred) for missing ones.
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

func (c *Contact) identity() ID { return c.ID }

// UnmarshalJSON decodes a contact, bare or wrapped in {"contact": ...}. A field of an
// unexpected type does not fail it: see Extra.
func (c *Contact) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, c) }

// MarshalJSON encodes the contact under the API's names, Extra included.
func (c Contact) MarshalJSON() ([]byte, error) {
	type plain Contact
	return wire.MarshalRecord((*plain)(&c))
}

// UnmarshalJSON decodes an account. A field of an unexpected type does not fail it.
func (a *ContactAccount) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, a) }

// MarshalJSON encodes the account, Extra included.
func (a ContactAccount) MarshalJSON() ([]byte, error) {
	type plain ContactAccount
	return wire.MarshalRecord((*plain)(&a))
}

func (in ContactInput) marked(field string) (input any, marker string, err error) {
	custom := in.custom(field)
	if !custom.IsZero() {
		return nil, "", fmt.Errorf("%w: %s is the marker field (WithMarkerField) and cannot be set", ErrInvalidInput, field)
	}
	marker = "gg-" + rand.Text()
	*custom = Set(marker)
	return in, marker, nil
}

// custom returns the field custom1 to custom9 of this name.
func (in *ContactInput) custom(name string) *Optional[string] {
	fields := [...]*Optional[string]{
		&in.Custom1, &in.Custom2, &in.Custom3, &in.Custom4, &in.Custom5,
		&in.Custom6, &in.Custom7, &in.Custom8, &in.Custom9,
	}
	return fields[name[len(name)-1]-'1']
}

// UnmarshalJSON reads an input back: an absent field is unset, null is Null. Keys that
// are no field's go to Extra, their numbers as [json.Number].
func (in *ContactInput) UnmarshalJSON(data []byte) error {
	type plain ContactInput
	return wire.UnmarshalInput(data, (*plain)(in))
}

// MarshalJSON encodes the fields that are set or null, and Extra. A key in Extra that is
// a field's own is an error.
func (in ContactInput) MarshalJSON() ([]byte, error) {
	type plain ContactInput
	return wire.MarshalInput((*plain)(&in))
}
