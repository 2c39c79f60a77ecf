package growthgenius

import (
	"encoding/json"
	"slices"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Company is the result of a company lookup. The fields are those of a later revision of
// the reference unless a comment says otherwise. Ids are text, from the provider of the
// data.
//
// The reference itself has a contact as the response, in an envelope (documented; without
// one is inferred). In that case the contact is stored in Contact, and its company_*
// fields, website, industry and employee_count are copied to the fields of the Company.
type Company struct {
	ID                 string           `json:"id,omitzero"`
	Name               string           `json:"name,omitzero"`
	Website            string           `json:"website,omitzero"`
	Industry           string           `json:"industry,omitzero"`
	Founded            string           `json:"founded,omitzero"`    // The year.
	Size               *int             `json:"size,omitzero"`       // The number of employees; nil if unknown.
	SizeRange          string           `json:"size_range,omitzero"` // Such as "11-50".
	Location           *CompanyLocation `json:"location,omitzero"`   // Nil if unknown.
	Type               string           `json:"type,omitzero"`
	Ticker             string           `json:"ticker,omitzero"`
	Summary            string           `json:"summary,omitzero"`
	Headline           string           `json:"headline,omitzero"` // Null in all samples; text is inferred.
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

	// Contact is the contact in the response (documented), or nil if the response has a
	// company.
	Contact *Contact `json:"contact,omitzero"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// CompanyLocation is the location of a company. Later.
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

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

var _ = wire.Describe(wire.Traits[Company]{Wrapper: "company", Named: (*Company).named})

// named reports whether the record says which company it is about.
func (c *Company) named() bool { return c.ID != "" || c.Name != "" || c.Website != "" }

// fillFromContact sets the fields of the company from the contact in the response.
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

// contactKeys are keys of a contact that no company has.
var contactKeys = []string{
	"first_name", "last_name", "full_name", "company_name", "prospect_id", "contact_account_id",
}

// isContact reports whether a decoded record is a contact without an envelope: it has keys
// of a contact, and no values that only a company has.
func (c *Company) isContact() bool {
	if c.Location != nil || c.Size != nil || len(c.EmailDomains)+len(c.Tags)+len(c.AlternativeNames) > 0 ||
		c.Founded+c.SizeRange+c.Type+c.Ticker+c.Summary+c.LinkedInID+c.CrunchbaseURL != "" {
		return false
	}
	return slices.ContainsFunc(contactKeys, func(key string) bool { return c.Extra[key] != nil })
}

// settle makes a contact of a record that is one, as the response of a lookup may be.
// Encoding a record loses nothing, so the contact has all that the response had.
func (c *Company) settle() error {
	if c.Contact != nil || !c.isContact() {
		return nil
	}
	data, err := wire.MarshalVerbatim(c)
	if err != nil {
		return err
	}
	*c = Company{Contact: new(Contact)}
	if err := wire.UnmarshalRecord(data, c.Contact); err != nil {
		return err
	}
	c.fillFromContact()
	return nil
}

// UnmarshalJSON decodes a company, or the contact that the reference has instead. A field
// of an unexpected type is not an error: see Extra.
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

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (l *CompanyLocation) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, l) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (l CompanyLocation) MarshalJSON() ([]byte, error) {
	type plain CompanyLocation
	return wire.MarshalRecord((*plain)(&l))
}
