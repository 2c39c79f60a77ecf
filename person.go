package growthgenius

import (
	"encoding/json"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Person is what a person lookup found. The fields are those of the later revision, and
// none is guaranteed to be present: absent text is "", an absent number nil. Dates are
// text, since they may be "2020-12-01", "2015-03" or "2014". Ids are text of the
// provider's own.
type Person struct {
	// Who the person is.

	ID            string `json:"id,omitzero"`
	FullName      string `json:"full_name,omitzero"`
	FirstName     string `json:"first_name,omitzero"`
	MiddleInitial string `json:"middle_initial,omitzero"`
	MiddleName    string `json:"middle_name,omitzero"`
	LastName      string `json:"last_name,omitzero"`
	Gender        string `json:"gender,omitzero"`
	BirthYear     string `json:"birth_year,omitzero"`
	BirthDate     string `json:"birth_date,omitzero"`

	// Profiles.

	LinkedInURL         string `json:"linkedin_url,omitzero"`
	LinkedInUsername    string `json:"linkedin_username,omitzero"`
	LinkedInID          string `json:"linkedin_id,omitzero"`
	FacebookURL         string `json:"facebook_url,omitzero"`
	FacebookUsername    string `json:"facebook_username,omitzero"`
	FacebookID          string `json:"facebook_id,omitzero"`
	TwitterURL          string `json:"twitter_url,omitzero"`
	TwitterUsername     string `json:"twitter_username,omitzero"`
	GitHubURL           string `json:"github_url,omitzero"`
	GitHubUsername      string `json:"github_username,omitzero"`
	LinkedInConnections *int   `json:"linkedin_connections,omitzero"`

	// How to reach the person.

	WorkEmail      string        `json:"work_email,omitzero"`
	MobilePhone    string        `json:"mobile_phone,omitzero"`
	PhoneNumbers   []string      `json:"phone_numbers,omitzero"`
	Emails         []PersonEmail `json:"emails,omitzero"`
	PossibleEmails []PersonEmail `json:"possible_emails,omitzero"`

	// The present job.

	Industry                string   `json:"industry,omitzero"`
	JobTitle                string   `json:"job_title,omitzero"`
	JobTitleRole            string   `json:"job_title_role,omitzero"`
	JobTitleSubRole         string   `json:"job_title_sub_role,omitzero"`
	JobTitleLevels          []string `json:"job_title_levels,omitzero"`
	JobLastUpdated          string   `json:"job_last_updated,omitzero"`
	JobStartDate            string   `json:"job_start_date,omitzero"`
	JobSummary              string   `json:"job_summary,omitzero"`
	InferredSalary          string   `json:"inferred_salary,omitzero"`
	InferredYearsExperience *int     `json:"inferred_years_experience,omitzero"`

	// The present employer.

	JobCompanyID                    string `json:"job_company_id,omitzero"`
	JobCompanyName                  string `json:"job_company_name,omitzero"`
	JobCompanyWebsite               string `json:"job_company_website,omitzero"`
	JobCompanySize                  string `json:"job_company_size,omitzero"`
	JobCompanyFounded               string `json:"job_company_founded,omitzero"`
	JobCompanyIndustry              string `json:"job_company_industry,omitzero"`
	JobCompanyLinkedInURL           string `json:"job_company_linkedin_url,omitzero"`
	JobCompanyLinkedInID            string `json:"job_company_linkedin_id,omitzero"`
	JobCompanyFacebookURL           string `json:"job_company_facebook_url,omitzero"`
	JobCompanyTwitterURL            string `json:"job_company_twitter_url,omitzero"`
	JobCompanyType                  string `json:"job_company_type,omitzero"`
	JobCompanyTicker                string `json:"job_company_ticker,omitzero"`
	JobCompanyLocationName          string `json:"job_company_location_name,omitzero"`
	JobCompanyLocationLocality      string `json:"job_company_location_locality,omitzero"`
	JobCompanyLocationMetro         string `json:"job_company_location_metro,omitzero"`
	JobCompanyLocationRegion        string `json:"job_company_location_region,omitzero"`
	JobCompanyLocationGeo           string `json:"job_company_location_geo,omitzero"`
	JobCompanyLocationStreetAddress string `json:"job_company_location_street_address,omitzero"`
	JobCompanyLocationAddressLine2  string `json:"job_company_location_address_line_2,omitzero"`
	JobCompanyLocationPostalCode    string `json:"job_company_location_postal_code,omitzero"`
	JobCompanyLocationCountry       string `json:"job_company_location_country,omitzero"`
	JobCompanyLocationContinent     string `json:"job_company_location_continent,omitzero"`

	// Where the person is.

	LocationName          string          `json:"location_name,omitzero"`
	LocationLocality      string          `json:"location_locality,omitzero"`
	LocationMetro         string          `json:"location_metro,omitzero"`
	LocationRegion        string          `json:"location_region,omitzero"`
	LocationCountry       string          `json:"location_country,omitzero"`
	LocationContinent     string          `json:"location_continent,omitzero"`
	LocationStreetAddress string          `json:"location_street_address,omitzero"`
	LocationAddressLine2  string          `json:"location_address_line_2,omitzero"`
	LocationPostalCode    string          `json:"location_postal_code,omitzero"`
	LocationGeo           string          `json:"location_geo,omitzero"`
	LocationLastUpdated   string          `json:"location_last_updated,omitzero"`
	LocationNames         []string        `json:"location_names,omitzero"`
	Regions               []string        `json:"regions,omitzero"`
	Countries             []string        `json:"countries,omitzero"`
	StreetAddresses       json.RawMessage `json:"street_addresses,omitzero"`

	// What the person has done.

	Summary          string          `json:"summary,omitzero"`
	Interests        []string        `json:"interests,omitzero"`
	Skills           []string        `json:"skills,omitzero"`
	Experience       []Experience    `json:"experience,omitzero"`
	Education        []Education     `json:"education,omitzero"`
	Profiles         []Profile       `json:"profiles,omitzero"`
	PossibleProfiles []Profile       `json:"possible_profiles,omitzero"`
	Certifications   json.RawMessage `json:"certifications,omitzero"`
	Languages        json.RawMessage `json:"languages,omitzero"`

	// About the record itself.

	VersionStatus *VersionStatus `json:"version_status,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Experience is a job a person has or had. Later. Dates may lack day or month.
type Experience struct {
	Company       *ExperienceCompany `json:"company,omitzero"`
	LocationNames []string           `json:"location_names,omitzero"`
	EndDate       string             `json:"end_date,omitzero"`   // "" where it goes on.
	StartDate     string             `json:"start_date,omitzero"` // Such as "2020-12-01", "2015-03" or "2014".
	Title         *JobTitle          `json:"title,omitzero"`
	IsPrimary     bool               `json:"is_primary,omitzero"` // Whether it is the present main job.
	Summary       string             `json:"summary,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// ExperienceCompany is the company of an Experience. Later.
type ExperienceCompany struct {
	Name        string          `json:"name,omitzero"`
	Size        string          `json:"size,omitzero"`
	ID          string          `json:"id,omitzero"`
	Founded     string          `json:"founded,omitzero"`
	Industry    string          `json:"industry,omitzero"`
	Location    *PersonLocation `json:"location,omitzero"`
	LinkedInURL string          `json:"linkedin_url,omitzero"`
	LinkedInID  string          `json:"linkedin_id,omitzero"`
	FacebookURL string          `json:"facebook_url,omitzero"`
	TwitterURL  string          `json:"twitter_url,omitzero"`
	Website     string          `json:"website,omitzero"`
	Raw         []string        `json:"raw,omitzero"` // As found at the source.
	Ticker      string          `json:"ticker,omitzero"`
	Type        string          `json:"type,omitzero"`
	FuzzyMatch  bool            `json:"fuzzy_match,omitzero"` // Whether the company was matched by likeness only.

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// JobTitle is the title of an Experience. Later.
type JobTitle struct {
	Name    string   `json:"name,omitzero"`
	Raw     []string `json:"raw,omitzero"`
	Role    string   `json:"role,omitzero"`
	SubRole string   `json:"sub_role,omitzero"`
	Levels  []string `json:"levels,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Education is a school a person went to. Later. Dates may lack day or month.
type Education struct {
	School    *School  `json:"school,omitzero"`
	EndDate   string   `json:"end_date,omitzero"`
	StartDate string   `json:"start_date,omitzero"`
	GPA       string   `json:"gpa,omitzero"`
	Degrees   []string `json:"degrees,omitzero"`
	Majors    []string `json:"majors,omitzero"`
	Minors    []string `json:"minors,omitzero"`
	Raw       []string `json:"raw,omitzero"`
	Summary   string   `json:"summary,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// School is the school of an Education. Later.
type School struct {
	Name        string          `json:"name,omitzero"`
	Type        string          `json:"type,omitzero"`
	ID          string          `json:"id,omitzero"`
	Location    *PersonLocation `json:"location,omitzero"`
	LinkedInURL string          `json:"linkedin_url,omitzero"`
	FacebookURL string          `json:"facebook_url,omitzero"`
	TwitterURL  string          `json:"twitter_url,omitzero"`
	LinkedInID  string          `json:"linkedin_id,omitzero"`
	Website     string          `json:"website,omitzero"`
	Domain      string          `json:"domain,omitzero"`
	Raw         []string        `json:"raw,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// PersonLocation is a place in a person record. Later.
type PersonLocation struct {
	Name          string `json:"name,omitzero"`
	Locality      string `json:"locality,omitzero"`
	Region        string `json:"region,omitzero"`
	Metro         string `json:"metro,omitzero"`
	Country       string `json:"country,omitzero"`
	Continent     string `json:"continent,omitzero"`
	StreetAddress string `json:"street_address,omitzero"`
	AddressLine2  string `json:"address_line_2,omitzero"`
	PostalCode    string `json:"postal_code,omitzero"`
	Geo           string `json:"geo,omitzero"` // Latitude and longitude, separated by a comma.

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// PersonEmail is an e-mail address of a person. Later.
type PersonEmail struct {
	Address string `json:"address,omitzero"`
	Type    string `json:"type,omitzero"` // Such as "professional"; "" where unknown.

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Profile is an account of a person in a social network. Later.
type Profile struct {
	Network  string `json:"network,omitzero"`
	ID       string `json:"id,omitzero"`
	URL      string `json:"url,omitzero"`
	Username string `json:"username,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// VersionStatus says how the person record changed between the provider's versions. Later.
type VersionStatus struct {
	Status          string   `json:"status,omitzero"`
	Contains        []string `json:"contains,omitzero"`
	PreviousVersion string   `json:"previous_version,omitzero"`
	CurrentVersion  string   `json:"current_version,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

var _ = wire.Describe(wire.Traits[Person]{Wrapper: "person", Named: (*Person).named})

// named reports whether the record itself identifies the person.
func (p *Person) named() bool {
	return p.ID != "" || p.FullName != "" || p.FirstName != "" || p.LastName != ""
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (p *Person) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (p Person) MarshalJSON() ([]byte, error) {
	type plain Person
	return wire.MarshalRecord((*plain)(&p))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (e *Experience) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, e) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (e Experience) MarshalJSON() ([]byte, error) {
	type plain Experience
	return wire.MarshalRecord((*plain)(&e))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (c *ExperienceCompany) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, c) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (c ExperienceCompany) MarshalJSON() ([]byte, error) {
	type plain ExperienceCompany
	return wire.MarshalRecord((*plain)(&c))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (t *JobTitle) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, t) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (t JobTitle) MarshalJSON() ([]byte, error) {
	type plain JobTitle
	return wire.MarshalRecord((*plain)(&t))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (e *Education) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, e) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (e Education) MarshalJSON() ([]byte, error) {
	type plain Education
	return wire.MarshalRecord((*plain)(&e))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (s *School) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, s) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (s School) MarshalJSON() ([]byte, error) {
	type plain School
	return wire.MarshalRecord((*plain)(&s))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (l *PersonLocation) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, l) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (l PersonLocation) MarshalJSON() ([]byte, error) {
	type plain PersonLocation
	return wire.MarshalRecord((*plain)(&l))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (e *PersonEmail) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, e) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (e PersonEmail) MarshalJSON() ([]byte, error) {
	type plain PersonEmail
	return wire.MarshalRecord((*plain)(&e))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (p *Profile) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (p Profile) MarshalJSON() ([]byte, error) {
	type plain Profile
	return wire.MarshalRecord((*plain)(&p))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (v *VersionStatus) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, v) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (v VersionStatus) MarshalJSON() ([]byte, error) {
	type plain VersionStatus
	return wire.MarshalRecord((*plain)(&v))
}
