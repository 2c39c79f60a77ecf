package growthgeniustest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// findCompany answers a contact (documented), or under WithBareCompany the company record (later).
func (s *Server) findCompany(c *call) answer {
	domain := c.query.Get("domain")
	if domain == "" {
		return invalid("domain", "can't be blank")
	}
	company, ok := s.domains[strings.ToLower(domain)]
	if !ok {
		return failure(http.StatusNotFound, "no company found")
	}
	if s.cfg.bareCompany {
		return jsonAnswer(http.StatusOK, company.bare.render(companyFields))
	}
	return jsonAnswer(http.StatusOK, []byte(`{"contact":`), company.contact.render(contactFields), []byte(`}`))
}

// company is what a lookup finds, in both shapes.
type company struct{ bare, contact record }

func newCompany(given record, contactID int64) company {
	contact := companyAsContact(given)
	contact.setDefault("id", contactID)
	delete(given, "contact") // the SDK's own field
	return company{given, contact}
}

// companyAsContact is the documented shape of a company: the contact kept with it, or one made of its fields.
func companyAsContact(company record) record {
	var contact record
	if json.Unmarshal(company["contact"], &contact) == nil && len(contact) > 0 {
		return contact
	}
	contact = record{}
	for to, from := range map[string]string{
		"company_name": "name", "company_linkedin_url": "linkedin_url", "website": "website", "industry": "industry",
		"employee_count": "size_range", "facebook_url": "facebook_url", "twitter_url": "twitter_url", "seo_description": "summary",
	} {
		if value, ok := company[from]; ok {
			contact[to] = value
		}
	}
	var location record
	_ = json.Unmarshal(company["location"], &location) // absent or null: no location
	for to, from := range map[string]string{
		"company_city": "locality", "company_state": "region", "company_country": "country", "company_address": "street_address",
	} {
		if value, ok := location[from]; ok {
			contact[to] = value
		}
	}
	var tags []string
	if json.Unmarshal(company["tags"], &tags) == nil && len(tags) > 0 {
		contact.set("keywords", strings.Join(tags, ", "))
	}
	return contact
}

// findPerson answers the bare person record (later) for an e-mail, or for a name with the account's name or website
// (inferred from the documented attributes).
func (s *Server) findPerson(c *call) answer {
	email, website := c.query.Get("email"), c.query.Get("website_url")
	first, last, account := c.query.Get("first_name"), c.query.Get("last_name"), c.query.Get("account_name")
	if email == "" && (first == "" || last == "" || account == "" && website == "") {
		return failure(http.StatusUnprocessableEntity, "an email, or a name with an account_name or website_url, is required")
	}
	for _, person := range s.people {
		if email != "" {
			if hasEmail(person, email) {
				return jsonAnswer(http.StatusOK, person.render(personFields))
			}
			continue
		}
		if strings.EqualFold(person.text("first_name"), first) && strings.EqualFold(person.text("last_name"), last) &&
			(account != "" && strings.EqualFold(person.text("job_company_name"), account) ||
				website != "" && bareHost(person.text("job_company_website")) == bareHost(website)) {
			return jsonAnswer(http.StatusOK, person.render(personFields))
		}
	}
	return failure(http.StatusNotFound, "nobody found")
}

func hasEmail(person record, email string) bool {
	if strings.EqualFold(person.text("work_email"), email) {
		return true
	}
	var emails []struct {
		Address string `json:"address"`
	}
	_ = json.Unmarshal(person["emails"], &emails) // absent or odd: none
	for _, e := range emails {
		if strings.EqualFold(e.Address, email) {
			return true
		}
	}
	return false
}

// bareHost is the host of a website, whichever way it is written.
func bareHost(website string) string {
	website = strings.ToLower(website)
	if _, after, ok := strings.Cut(website, "://"); ok {
		website = after
	}
	website, _, _ = strings.Cut(website, "/")
	return strings.TrimPrefix(website, "www.")
}
