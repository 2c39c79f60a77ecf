package growthgenius

import (
	"encoding/json"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Company is what a company lookup found. The fields are those of the later revision; the
// reference itself answers a contact, and then the company_* fields of that contact, its
// website, industry and employee_count fill what they can here and Contact holds the
// whole. Ids are text of the provider's own.
type Company struct {
	ID                 string           `json:"id,omitzero"`
	Name               string           `json:"name,omitzero"`
	Website            string           `json:"website,omitzero"`
	Industry           string           `json:"industry,omitzero"`
	Founded            string           `json:"founded,omitzero"`    // The year, as text.
	Size               *int             `json:"size,omitzero"`       // Number of people; nil where unknown.
	SizeRange          string           `json:"size_range,omitzero"` // Such as "11-50".
	Location           *CompanyLocation `json:"location,omitzero"`   // Nil where unknown.
	Type               string           `json:"type,omitzero"`
	Ticker             string           `json:"ticker,omitzero"`
	Summary            string           `json:"summary,omitzero"`
	Headline           string           `json:"headline,omitzero"` // Only ever seen null; text is inferred.
	FacebookURL        string           `json:"facebook_url,omitzero"`
	TwitterURL         string           `json:"twitter_url,omitzero"`
	CrunchbaseURL      string           `json:"crunchbase_url,omitzero"`
	LinkedInURL        string           `json:"linkedin_url,omitzero"`
	LinkedInID         string           `json:"linkedin_id,omitzero"`
	EmailDomains       []string         `json:"email_domains,omitzero"`
	Profiles           []string         `json:"profiles,omitzero"`
	Tags               []string         `json:"tags,omitzero"`
	AlternativeNames   []string         `json:"alternative_names,omitzero"`
	AlternativeDomains []string         `json:"alternative_domains,omitzero"`
	AffiliatedProfiles []string         `json:"affiliated_profiles,omitzero"`

	// Contact is the contact the API answered with, as the reference documents; nil where
	// it answered with a company.
	Contact *Contact `json:"contact,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// CompanyLocation is where a company is. Later.
type CompanyLocation struct {
	Name          string `json:"name,omitzero"`
	Locality      string `json:"locality,omitzero"`
	Region        string `json:"region,omitzero"`
	Metro         string `json:"metro,omitzero"`
	Country       string `json:"country,omitzero"`
	Continent     string `json:"continent,omitzero"`
	StreetAddress string `json:"street_address,omitzero"`
	AddressLine2  string `json:"address_line_2,omitzero"`
	PostalCode    string `json:"postal_code,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

var _ = wire.Describe(wire.Traits[Company]{Wrapper: "company", Named: (*Company).named})

// named reports whether the record itself identifies the company.
func (c *Company) named() bool { return c.ID != "" || c.Name != "" || c.Website != "" }

// fillFromContact fills the company's fields from the contact that the API sent instead.
func (c *Company) fillFromContact() {
	from := c.Contact
	c.Name = from.CompanyName
	c.Website = from.Website
	c.Industry = from.Industry
	c.SizeRange = from.EmployeeCount
	c.LinkedInURL = from.CompanyLinkedInURL
	if from.CompanyCity+from.CompanyState+from.CompanyCountry+from.CompanyAddress != "" {
		c.Location = &CompanyLocation{
			Locality:      from.CompanyCity,
			Region:        from.CompanyState,
			Country:       from.CompanyCountry,
			StreetAddress: from.CompanyAddress,
		}
	}
}

// UnmarshalJSON decodes a company, or the contact that the reference documents instead. A
// field of an unexpected type does not fail it: see Extra.
func (c *Company) UnmarshalJSON(data []byte) error {
	if err := wire.UnmarshalRecord(data, c); err != nil {
		return err
	}
	if c.Contact != nil && !c.named() {
		c.fillFromContact()
	}
	return nil
}

// MarshalJSON encodes the record under the API's names, Extra included.
func (c Company) MarshalJSON() ([]byte, error) {
	type plain Company
	return wire.MarshalRecord((*plain)(&c))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (l *CompanyLocation) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, l) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (l CompanyLocation) MarshalJSON() ([]byte, error) {
	type plain CompanyLocation
	return wire.MarshalRecord((*plain)(&l))
}
