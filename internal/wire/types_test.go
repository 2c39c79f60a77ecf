package wire_test

import (
	"encoding/json"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// The records of these tests have the shapes of the records of the API. Each of them is what
// a user of the package writes: a struct, UnmarshalJSON, MarshalJSON and, for some, Traits.

// ID is a type of ids that another package defines.
type ID string

var _ = wire.Identifier[ID]()

func (id ID) MarshalJSON() ([]byte, error)     { return wire.ID(id).MarshalJSON() }
func (id *ID) UnmarshalJSON(data []byte) error { return (*wire.ID)(id).UnmarshalJSON(data) }

type Contact struct {
	ID ID `json:"id,omitzero"`

	Name             string `json:"name,omitzero"`
	FullName         string `json:"full_name,omitzero"`
	FirstName        string `json:"first_name,omitzero"`
	LastName         string `json:"last_name,omitzero"`
	Title            string `json:"title,omitzero"`
	Email            string `json:"email,omitzero"`
	EmailStatus      string `json:"email_status,omitzero"`
	EmailConfidence  *int   `json:"email_confidence,omitzero"`
	LinkedInURL      string `json:"linkedin_url,omitzero"`
	LinkedInUsername string `json:"linkedin_username,omitzero"`
	FacebookURL      string `json:"facebook_url,omitzero"`
	TwitterURL       string `json:"twitter_url,omitzero"`

	FirstPhone     string `json:"first_phone,omitzero"`
	WorkPhone      string `json:"work_phone,omitzero"`
	CorporatePhone string `json:"corporate_phone,omitzero"`
	MobilePhone    string `json:"mobile_phone,omitzero"`
	HomePhone      string `json:"home_phone,omitzero"`
	OtherPhone     string `json:"other_phone,omitzero"`

	City    string `json:"city,omitzero"`
	State   string `json:"state,omitzero"`
	Country string `json:"country,omitzero"`

	CompanyName         string `json:"company_name,omitzero"`
	CompanyNameInformal string `json:"company_name_informal,omitzero"`
	CompanyAddress      string `json:"company_address,omitzero"`
	CompanyCity         string `json:"company_city,omitzero"`
	CompanyState        string `json:"company_state,omitzero"`
	CompanyCountry      string `json:"company_country,omitzero"`
	CompanyLinkedInURL  string `json:"company_linkedin_url,omitzero"`
	Website             string `json:"website,omitzero"`
	Industry            string `json:"industry,omitzero"`
	AnnualRevenue       string `json:"annual_revenue,omitzero"`
	EmployeeCount       string `json:"employee_count,omitzero"`
	Keywords            string `json:"keywords,omitzero"`
	Technologies        string `json:"technologies,omitzero"`
	SEODescription      string `json:"seo_description,omitzero"`

	Stage            string          `json:"stage,omitzero"`
	Status           string          `json:"status,omitzero"`
	ContactAccount   *ContactAccount `json:"contact_account,omitzero"`
	ContactAccountID ID              `json:"contact_account_id,omitzero"`
	ProspectID       ID              `json:"prospect_id,omitzero"`
	UserID           ID              `json:"user_id,omitzero"`
	BadDataReason    string          `json:"bad_data_reason,omitzero"`
	UploadIdentifier string          `json:"upload_identifier,omitzero"`
	LabelNames       json.RawMessage `json:"label_names,omitzero"`
	Lists            json.RawMessage `json:"lists,omitzero"`
	UnstructuredData json.RawMessage `json:"unstructured_data,omitzero"`

	Custom1 string `json:"custom1,omitzero"`
	Custom2 string `json:"custom2,omitzero"`
	Custom3 string `json:"custom3,omitzero"`
	Custom4 string `json:"custom4,omitzero"`
	Custom5 string `json:"custom5,omitzero"`
	Custom6 string `json:"custom6,omitzero"`
	Custom7 string `json:"custom7,omitzero"`
	Custom8 string `json:"custom8,omitzero"`
	Custom9 string `json:"custom9,omitzero"`

	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

type ContactAccount struct {
	ID     ID     `json:"id,omitzero"`
	Status string `json:"status,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

type Message struct {
	ID              ID        `json:"id,omitzero"`
	ContactID       ID        `json:"contact_id,omitzero"`
	RenderedSubject string    `json:"rendered_subject,omitzero"`
	RenderedCopy    string    `json:"rendered_copy,omitzero"`
	SentAt          time.Time `json:"sent_at,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

type User struct {
	ID    ID       `json:"id,omitzero"`
	Email string   `json:"email,omitzero"`
	Roles []string `json:"roles,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Company has ids that are text, and is identified by any of three fields.
type Company struct {
	ID       string    `json:"id,omitzero"`
	Name     string    `json:"name,omitzero"`
	Website  string    `json:"website,omitzero"`
	Industry string    `json:"industry,omitzero"`
	Size     *int      `json:"size,omitzero"`
	Location *Location `json:"location,omitzero"`
	Contact  *Contact  `json:"contact,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Location has no methods beside those of JSON, and no Traits.
type Location struct {
	Name    string   `json:"name,omitzero"`
	Country string   `json:"country,omitzero"`
	Streets []string `json:"streets,omitzero"`
	Geo     string   `json:"geo,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Person has records within records, in lists and behind pointers.
type Person struct {
	ID          string       `json:"id,omitzero"`
	FullName    string       `json:"full_name,omitzero"`
	Connections int          `json:"linkedin_connections,omitzero"`
	Skills      []string     `json:"skills,omitzero"`
	Emails      []Email      `json:"emails,omitzero"`
	Experience  []Experience `json:"experience,omitzero"`
	Version     Version      `json:"version_status,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

type Email struct {
	Address string `json:"address,omitzero"`
	Type    string `json:"type,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

type Experience struct {
	Company   *Employer `json:"company,omitzero"`
	IsPrimary bool      `json:"is_primary,omitzero" wire:"always"`
	Title     *Title    `json:"title,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

type Employer struct {
	Name     string    `json:"name,omitzero"`
	Founded  string    `json:"founded,omitzero"`
	Size     int       `json:"size,omitzero"`
	Location *Location `json:"location,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

type Title struct {
	Name   string   `json:"name,omitzero"`
	Levels []string `json:"levels,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

type Version struct {
	Status string `json:"status,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

type Page struct {
	Contacts           []Contact       `json:"contacts,omitzero"`
	PartialResultsOnly bool            `json:"partial_results_only,omitzero"`
	Pagination         Pagination      `json:"pagination,omitzero"`
	NumFetchResult     json.RawMessage `json:"num_fetch_result,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

type Pagination struct {
	Page         int `json:"page,omitzero"`
	PerPage      int `json:"per_page,omitzero"`
	TotalEntries int `json:"total_entries,omitzero"`

	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Row is a record of no type.
type Row map[string]json.RawMessage

var (
	_ = wire.Describe(wire.Traits[Contact]{
		Wrapper: "contact",
		Named:   func(c *Contact) bool { return c.ID != "" },
		Alias:   map[string]string{"fist_name": "first_name"},
	})
	_ = wire.Describe(wire.Traits[Message]{
		Wrapper: "message", Named: func(m *Message) bool { return m.ID != "" },
	})
	_ = wire.Describe(wire.Traits[User]{
		Wrapper: "user", Named: func(u *User) bool { return u.ID != "" },
	})
	_ = wire.Describe(wire.Traits[Company]{
		Wrapper: "company", Named: func(c *Company) bool { return c.ID+c.Name+c.Website != "" },
	})
	_ = wire.Describe(wire.Traits[Person]{
		Wrapper: "person", Named: func(p *Person) bool { return p.ID+p.FullName != "" },
	})
)

func (c *Contact) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, c) }
func (c Contact) MarshalJSON() ([]byte, error) {
	type plain Contact
	return wire.MarshalRecord((*plain)(&c))
}

func (a *ContactAccount) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, a) }
func (a ContactAccount) MarshalJSON() ([]byte, error) {
	type plain ContactAccount
	return wire.MarshalRecord((*plain)(&a))
}

func (m *Message) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, m) }
func (m Message) MarshalJSON() ([]byte, error) {
	type plain Message
	return wire.MarshalRecord((*plain)(&m))
}

func (u *User) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, u) }
func (u User) MarshalJSON() ([]byte, error) {
	type plain User
	return wire.MarshalRecord((*plain)(&u))
}

func (c *Company) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, c) }
func (c Company) MarshalJSON() ([]byte, error) {
	type plain Company
	return wire.MarshalRecord((*plain)(&c))
}

func (l *Location) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, l) }
func (l Location) MarshalJSON() ([]byte, error) {
	type plain Location
	return wire.MarshalRecord((*plain)(&l))
}

func (p *Person) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }
func (p Person) MarshalJSON() ([]byte, error) {
	type plain Person
	return wire.MarshalRecord((*plain)(&p))
}

func (e *Email) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, e) }
func (e Email) MarshalJSON() ([]byte, error) {
	type plain Email
	return wire.MarshalRecord((*plain)(&e))
}

func (e *Experience) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, e) }
func (e Experience) MarshalJSON() ([]byte, error) {
	type plain Experience
	return wire.MarshalRecord((*plain)(&e))
}

func (e *Employer) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, e) }
func (e Employer) MarshalJSON() ([]byte, error) {
	type plain Employer
	return wire.MarshalRecord((*plain)(&e))
}

func (t *Title) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, t) }
func (t Title) MarshalJSON() ([]byte, error) {
	type plain Title
	return wire.MarshalRecord((*plain)(&t))
}

func (v *Version) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, v) }
func (v Version) MarshalJSON() ([]byte, error) {
	type plain Version
	return wire.MarshalRecord((*plain)(&v))
}

func (p *Page) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }
func (p Page) MarshalJSON() ([]byte, error) {
	type plain Page
	return wire.MarshalRecord((*plain)(&p))
}

func (p *Pagination) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }
func (p Pagination) MarshalJSON() ([]byte, error) {
	type plain Pagination
	return wire.MarshalRecord((*plain)(&p))
}
