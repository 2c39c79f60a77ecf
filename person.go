package growthgenius

import (
	"encoding/json"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Person is the result of a person lookup. The fields are those of a later revision of
// the reference. Any of them may be missing: missing text is "", and a missing number is
// nil.
//
// Dates are text, since they may lack the day or the month: "2020-12-01", "2015-03" or
// "2014". Ids are text, from the provider of the data.
type Person struct {
	// The person.

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

	// Contact details.

	WorkEmail      string        `json:"work_email,omitzero"`
	MobilePhone    string        `json:"mobile_phone,omitzero"`
	PhoneNumbers   []string      `json:"phone_numbers,omitzero"`
	Emails         []PersonEmail `json:"emails,omitzero"`
	PossibleEmails []PersonEmail `json:"possible_emails,omitzero"`

	// The current job.

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

	// The current employer.

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

	// The person's location.

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

	// The career.

	Summary          string          `json:"summary,omitzero"`
	Interests        []string        `json:"interests,omitzero"`
	Skills           []string        `json:"skills,omitzero"`
	Experience       []Experience    `json:"experience,omitzero"`
	Education        []Education     `json:"education,omitzero"`
	Profiles         []Profile       `json:"profiles,omitzero"`
	PossibleProfiles []Profile       `json:"possible_profiles,omitzero"`
	Certifications   json.RawMessage `json:"certifications,omitzero"`
	Languages        json.RawMessage `json:"languages,omitzero"`

	// The record itself.

	VersionStatus *VersionStatus `json:"version_status,omitzero"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Experience is a job that a person has or had. Later. Dates may lack the day or the
// month.
type Experience struct {
	Company       *ExperienceCompany `json:"company,omitzero"`
	LocationNames []string           `json:"location_names,omitzero"`
	EndDate       string             `json:"end_date,omitzero"` // "" if the person still has the job.
	StartDate     string             `json:"start_date,omitzero"`
	Title         *JobTitle          `json:"title,omitzero"`
	IsPrimary     bool               `json:"is_primary,omitzero" wire:"always"` // Whether it is the current main job.
	Summary       string             `json:"summary,omitzero"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
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
	Raw         []string        `json:"raw,omitzero"` // As the source has it.
	Ticker      string          `json:"ticker,omitzero"`
	Type        string          `json:"type,omitzero"`
	// FuzzyMatch reports whether the company was matched by similarity only.
	FuzzyMatch bool `json:"fuzzy_match,omitzero" wire:"always"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// JobTitle is the title of an Experience. Later.
type JobTitle struct {
	Name    string   `json:"name,omitzero"`
	Raw     []string `json:"raw,omitzero"`
	Role    string   `json:"role,omitzero"`
	SubRole string   `json:"sub_role,omitzero"`
	Levels  []string `json:"levels,omitzero"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Education is the time a person spent at a school. Later. Dates may lack the day or the
// month.
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

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
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

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
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

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// PersonEmail is an e-mail address of a person. Later.
type PersonEmail struct {
	Address string `json:"address,omitzero"`
	Type    string `json:"type,omitzero"` // Such as "professional"; "" if unknown.

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Profile is an account of a person on a social network. Later.
type Profile struct {
	Network  string `json:"network,omitzero"`
	ID       string `json:"id,omitzero"`
	URL      string `json:"url,omitzero"`
	Username string `json:"username,omitzero"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// VersionStatus describes how a person record changed between versions of the provider's
// data. Later.
type VersionStatus struct {
	Status          string   `json:"status,omitzero"`
	Contains        []string `json:"contains,omitzero"`
	PreviousVersion string   `json:"previous_version,omitzero"`
	CurrentVersion  string   `json:"current_version,omitzero"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

var _ = wire.Describe(wire.Traits[Person]{Wrapper: "person", Named: (*Person).named})

// named reports whether the record says which person it is about.
func (p *Person) named() bool {
	return p.ID != "" || p.FullName != "" || p.FirstName != "" || p.LastName != ""
}

func (p *Person) settle() error { return nil }

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (p *Person) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (p Person) MarshalJSON() ([]byte, error) {
	type plain Person
	return wire.MarshalRecord((*plain)(&p))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (e *Experience) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, e) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (e Experience) MarshalJSON() ([]byte, error) {
	type plain Experience
	return wire.MarshalRecord((*plain)(&e))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (c *ExperienceCompany) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, c) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (c ExperienceCompany) MarshalJSON() ([]byte, error) {
	type plain ExperienceCompany
	return wire.MarshalRecord((*plain)(&c))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (t *JobTitle) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, t) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (t JobTitle) MarshalJSON() ([]byte, error) {
	type plain JobTitle
	return wire.MarshalRecord((*plain)(&t))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (e *Education) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, e) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (e Education) MarshalJSON() ([]byte, error) {
	type plain Education
	return wire.MarshalRecord((*plain)(&e))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (s *School) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, s) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (s School) MarshalJSON() ([]byte, error) {
	type plain School
	return wire.MarshalRecord((*plain)(&s))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (l *PersonLocation) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, l) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (l PersonLocation) MarshalJSON() ([]byte, error) {
	type plain PersonLocation
	return wire.MarshalRecord((*plain)(&l))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (e *PersonEmail) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, e) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (e PersonEmail) MarshalJSON() ([]byte, error) {
	type plain PersonEmail
	return wire.MarshalRecord((*plain)(&e))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (p *Profile) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (p Profile) MarshalJSON() ([]byte, error) {
	type plain Profile
	return wire.MarshalRecord((*plain)(&p))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (v *VersionStatus) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, v) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (v VersionStatus) MarshalJSON() ([]byte, error) {
	type plain VersionStatus
	return wire.MarshalRecord((*plain)(&v))
}
