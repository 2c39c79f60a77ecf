package growthgeniustest

import (
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// AddUsers stores users and gives them as stored: an empty ID becomes the next integer, a zero CreatedAt the
// server's now.
func (s *Server) AddUsers(users ...growthgenius.User) []growthgenius.User {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := make([]growthgenius.User, len(users))
	for i, user := range users {
		if user.ID == "" {
			user.ID = s.nextUserID()
		}
		fields := toRecord(user)
		fields.setDefault("created_at", stamp(s.now()))
		s.users = append(s.users, fields)
		stored[i] = fromRecord[growthgenius.User](fields.render(userFields))
	}
	return stored
}

// nextUserID is one more than the largest integer among the users' ids.
func (s *Server) nextUserID() growthgenius.ID {
	next := int64(1)
	for _, user := range s.users {
		if n, err := growthgenius.ID(user.text("id")).Int64(); err == nil && n >= next {
			next = n + 1
		}
	}
	return growthgenius.IntID(next)
}

// AddContacts stores contacts and gives them as stored: an empty ID becomes the next one, a zero UpdatedAt the
// server's now, a zero CreatedAt the UpdatedAt. A contact whose ID is there already is replaced. They are not in the ledger.
func (s *Server) AddContacts(contacts ...growthgenius.Contact) []growthgenius.Contact {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := make([]growthgenius.Contact, len(contacts))
	for i, contact := range contacts {
		r := s.seedRow(s.contacts, contact.ID, toRecord(contact), contact.CreatedAt, contact.UpdatedAt)
		stored[i] = fromRecord[growthgenius.Contact](r.rendered)
	}
	return stored
}

// AddMessages stores messages and gives them as stored: an empty ID becomes the next one. They count as updated at
// the server's now, which is what the updated-between list goes by: the records have no timestamp of their own. A
// message whose ID is there already is replaced. They are not in the ledger.
func (s *Server) AddMessages(messages ...growthgenius.Message) []growthgenius.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := make([]growthgenius.Message, len(messages))
	for i, message := range messages {
		r := s.seedRow(s.messages, message.ID, toRecord(message), time.Time{}, time.Time{})
		stored[i] = fromRecord[growthgenius.Message](r.rendered)
	}
	return stored
}

// seedRow stores a record that did not come by a request.
func (s *Server) seedRow(t *table, id growthgenius.ID, fields record, created, updated time.Time) *row {
	if id == "" {
		id = t.newID()
	}
	now := s.now().Truncate(time.Millisecond)
	if updated.IsZero() {
		updated = now
	}
	if created.IsZero() {
		created = updated
	}
	if t == s.contacts {
		s.completeContact(fields)
	}
	r := &row{id: id, fields: fields, created: created.Truncate(time.Millisecond), updated: updated.Truncate(time.Millisecond)}
	s.stampRow(t, r)
	t.put(r, s.horizon())
	return r
}

// AddCompany stores what a lookup of the domain finds. In the documented shape it is answered as company.Contact, or
// where that is nil as a contact whose company fields are the company's.
func (s *Server) AddCompany(domain string, company growthgenius.Company) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Ids below those of stored contacts, one for each domain.
	s.domains[strings.ToLower(domain)] = newCompany(toRecord(company), firstContactID-1-int64(len(s.domains)))
}

// AddPeople stores people for lookups by work_email or one of emails, or by name and job_company_name or
// job_company_website.
func (s *Server) AddPeople(people ...growthgenius.Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, person := range people {
		s.people = append(s.people, toRecord(person))
	}
}

// Users gives every user.
func (s *Server) Users() []growthgenius.User {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := make([]growthgenius.User, len(s.users))
	for i, user := range s.users {
		users[i] = fromRecord[growthgenius.User](user.render(userFields))
	}
	return users
}

// Contacts gives every contact stored now, oldest first.
func (s *Server) Contacts() []growthgenius.Contact {
	return stored[growthgenius.Contact](s, s.contacts)
}

// Messages gives every message stored now, oldest first.
func (s *Server) Messages() []growthgenius.Message {
	return stored[growthgenius.Message](s, s.messages)
}

func stored[T any](s *Server, t *table) []T {
	s.mu.Lock()
	rows := t.all()
	s.mu.Unlock()
	records := make([]T, len(rows))
	for i, r := range rows {
		records[i] = fromRecord[T](r.rendered)
	}
	return records
}

// seed stores what a new server knows: the documented user and a colleague, a company and a person.
func (s *Server) seed() {
	s.AddUsers(
		growthgenius.User{
			ID: "1", TeamID: "2", Email: "dev@growthgenius.com", EmailBCC: "tim@cnn.com", FirstName: "Okay", LastName: "Senior",
			FullName: "Okay Senior", ReportingEmail: "reporting-dev@growthgenius.com", Roles: []string{"superadmin", "admin"},
			CreatedAt: time.Date(2019, 3, 21, 16, 11, 0, 24e6, time.FixedZone("", -4*60*60)),
		},
		growthgenius.User{
			ID: "2", TeamID: "2", Email: "sam@growthgenius.com", FirstName: "Sam", LastName: "Junior", FullName: "Sam Junior",
			Roles: []string{"admin"}, CreatedAt: time.Date(2020, 6, 1, 9, 30, 0, 0, zone),
		},
	)
	people := 45000
	s.AddCompany("tesla.com", growthgenius.Company{
		ID: "tesla", Name: "Tesla", Website: "tesla.com", Founded: "2003", Size: &people, SizeRange: "10001+", Industry: "automotive",
		Location: &growthgenius.CompanyLocation{
			Name: "austin, texas, united states", Locality: "austin", Region: "texas", Country: "united states", Continent: "north america",
		},
		LinkedInURL: "linkedin.com/company/tesla-motors", Ticker: "TSLA", Type: "public", Tags: []string{"automotive", "energy"},
		EmailDomains: []string{"tesla.com"}, Summary: "Makes electric vehicles and energy products.",
	})
	s.AddPeople(growthgenius.Person{
		ID: "elon-musk", FullName: "elon musk", FirstName: "elon", LastName: "musk", WorkEmail: "elon@tesla.com", JobTitle: "ceo",
		JobTitleLevels: []string{"cxo"}, JobCompanyID: "tesla", JobCompanyName: "tesla", JobCompanyWebsite: "tesla.com",
		JobCompanyIndustry: "automotive", LocationName: "austin, texas, united states", LocationCountry: "united states",
		Industry: "automotive", Emails: []growthgenius.PersonEmail{{Address: "elon@tesla.com", Type: "current_professional"}},
	})
}
