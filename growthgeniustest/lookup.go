package growthgeniustest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// findCompany responds with a contact (documented), with WithBareContact without its
// envelope, or, with WithBareCompany, with the company record (later).
func (s *Server) findCompany(c *call) response {
	domain := c.query.Get("domain")
	if domain == "" {
		return invalid("domain", "can't be blank")
	}
	company, ok := s.domains[strings.ToLower(domain)]
	if !ok {
		return failure(http.StatusNotFound, "no company found")
	}
	if s.cfg.bareCompany {
		return jsonResponse(http.StatusOK, company.bare.render(companyFields))
	}
	contact := company.contact.render(contactFields)
	if s.cfg.bareContact {
		return jsonResponse(http.StatusOK, contact)
	}
	return jsonResponse(http.StatusOK, []byte(`{"contact":`), contact, []byte(`}`))
}

// company is a company in both of its shapes.
type company struct{ bare, contact record }

func newCompany(given record, contactID int64) company {
	contact := companyAsContact(given)
	contact.setDefault("id", contactID)
	delete(given, "contact") // a field of the SDK only
	return company{given, contact}
}

// companyAsContact returns the documented shape of a company: its Contact, or else a
// contact made from its fields.
func companyAsContact(company record) record {
	var contact record
	if json.Unmarshal(company["contact"], &contact) == nil && len(contact) > 0 {
		return contact
	}
	contact = record{}
	for to, from := range map[string]string{
		"company_name": "name", "company_linkedin_url": "linkedin_url", "website": "website",
		"industry": "industry", "employee_count": "size_range", "facebook_url": "facebook_url",
		"twitter_url": "twitter_url", "seo_description": "summary",
	} {
		if value, ok := company[from]; ok {
			contact[to] = value
		}
	}
	var location record
	_ = json.Unmarshal(company["location"], &location) // stays nil if absent or null
	for to, from := range map[string]string{
		"company_city": "locality", "company_state": "region", "company_country": "country",
		"company_address": "street_address",
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

// findPerson responds with the person record (later). It finds a person by e-mail
// address, or by name and the name or website of the account (inferred from the
// documented attributes).
func (s *Server) findPerson(c *call) response {
	email, website := c.query.Get("email"), c.query.Get("website_url")
	first, last := c.query.Get("first_name"), c.query.Get("last_name")
	account := c.query.Get("account_name")
	if email == "" && (first == "" || last == "" || account == "" && website == "") {
		return failure(http.StatusUnprocessableEntity,
			"an email, or a name with an account_name or website_url, is required")
	}
	for _, person := range s.people {
		found := hasName(person, first, last) && worksFor(person, account, website)
		if email != "" {
			found = hasEmail(person, email)
		}
		if found {
			return jsonResponse(http.StatusOK, person.render(personFields))
		}
	}
	return failure(http.StatusNotFound, "no person found")
}

func hasName(person record, first, last string) bool {
	return strings.EqualFold(person.text("first_name"), first) &&
		strings.EqualFold(person.text("last_name"), last)
}

// worksFor reports whether the person's company has the given name or website. An empty
// one matches no company.
func worksFor(person record, account, website string) bool {
	return account != "" && strings.EqualFold(person.text("job_company_name"), account) ||
		website != "" && bareHost(person.text("job_company_website")) == bareHost(website)
}

func hasEmail(person record, email string) bool {
	if strings.EqualFold(person.text("work_email"), email) {
		return true
	}
	var emails []struct {
		Address string `json:"address"`
	}
	_ = json.Unmarshal(person["emails"], &emails) // stays empty if absent or of another type
	for _, e := range emails {
		if strings.EqualFold(e.Address, email) {
			return true
		}
	}
	return false
}

// bareHost returns the host of a website, without a scheme, "www." and path.
func bareHost(website string) string {
	website = strings.ToLower(website)
	if _, after, ok := strings.Cut(website, "://"); ok {
		website = after
	}
	website, _, _ = strings.Cut(website, "/")
	return strings.TrimPrefix(website, "www.")
}
