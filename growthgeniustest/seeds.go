package growthgeniustest

import (
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// AddUsers stores users and returns them as stored. An empty ID becomes the next integer,
// and a zero CreatedAt becomes the time of the server's clock.
func (s *Server) AddUsers(users ...growthgenius.User) []growthgenius.User {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := make([]growthgenius.User, len(users))
	for i, user := range users {
		if user.ID == "" {
			user.ID = s.nextUserID()
		}
		fields := toRecord(user)
		fields.setDefault("created_at", stamp(s.recordNow()))
		s.users = append(s.users, fields)
		stored[i] = fromRecord[growthgenius.User](fields.render(userFields))
	}
	return stored
}

// nextUserID returns one more than the largest integer among the ids of the users.
func (s *Server) nextUserID() growthgenius.ID {
	next := int64(1)
	for _, user := range s.users {
		if n, err := growthgenius.ID(user.text("id")).Int64(); err == nil && n >= next {
			next = n + 1
		}
	}
	return growthgenius.IntID(next)
}

// AddContacts stores contacts and returns them as stored. An empty ID becomes the next
// one, a zero UpdatedAt becomes the time of the server's clock, less a millisecond for
// each contact after it, and a zero CreatedAt becomes the UpdatedAt. A contact replaces a stored one with the same ID. The ledger
// does not list these contacts.
func (s *Server) AddContacts(contacts ...growthgenius.Contact) []growthgenius.Contact {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := make([]growthgenius.Contact, len(contacts))
	for i, c := range contacts {
		updated := c.UpdatedAt
		if updated.IsZero() {
			updated = s.seedTime(i, len(contacts))
		}
		r := s.seedRow(s.contacts, c.ID, toRecord(c), c.CreatedAt, updated)
		stored[i] = fromRecord[growthgenius.Contact](r.rendered)
	}
	return stored
}

// MergeContacts removes a contact as if it had been merged into another one: from then on, a
// get, update or delete by its id applies to that one. It returns false, and does nothing, if
// one of them is not stored or both are the same.
func (s *Server) MergeContacts(from, into growthgenius.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, left := s.contacts.rows[from], s.contacts.rows[into]
	if old == nil || left == nil || old == left {
		return false
	}
	s.contacts.remove(old)
	s.contacts.merged[from] = into
	return true
}

// AddMessages stores messages and returns them as stored. An empty ID becomes the next
// one. Messages have no field for the time of their last update; in the updated-between
// lists it is the time of the server's clock, less a millisecond for each message after it.
// A message replaces a stored one with the
// same ID. The ledger does not list these messages.
func (s *Server) AddMessages(messages ...growthgenius.Message) []growthgenius.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := make([]growthgenius.Message, len(messages))
	for i, m := range messages {
		r := s.seedRow(s.messages, m.ID, toRecord(m), time.Time{}, s.seedTime(i, len(messages)))
		stored[i] = fromRecord[growthgenius.Message](r.rendered)
	}
	return stored
}

// seedTime returns the time at which record i of n is stored at once. Each has a time of its
// own, as it would have if it had been created by a request.
func (s *Server) seedTime(i, n int) time.Time {
	return s.recordNow().Truncate(time.Millisecond).Add(-time.Duration(n-1-i) * time.Millisecond)
}

// seedRow stores a record that was not created by a request.
func (s *Server) seedRow(
	t *table, id growthgenius.ID, fields record, created, updated time.Time,
) *row {
	if id == "" {
		id = t.newID()
	}
	if created.IsZero() {
		created = updated
	}
	if t == s.contacts {
		s.completeContact(fields)
	}
	r := &row{
		id: id, fields: fields,
		created: created.Truncate(time.Millisecond),
		updated: updated.Truncate(time.Millisecond),
	}
	s.stampRow(t, r)
	t.put(r, s.horizon())
	return r
}

// AddCompany stores the company that a lookup of the domain finds. In the documented
// shape, the response is company.Contact or, if that is nil, a contact whose company
// fields are set from the company.
func (s *Server) AddCompany(domain string, company growthgenius.Company) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Each domain gets an id below those of the stored contacts.
	contactID := firstContactID - 1 - int64(len(s.domains))
	s.domains[strings.ToLower(domain)] = newCompany(toRecord(company), contactID)
}

// AddPeople stores people. A lookup finds them by work_email or one of emails, or by name
// and either job_company_name or job_company_website.
func (s *Server) AddPeople(people ...growthgenius.Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, person := range people {
		s.people = append(s.people, toRecord(person))
	}
}

// Users returns all users.
func (s *Server) Users() []growthgenius.User {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := make([]growthgenius.User, len(s.users))
	for i, user := range s.users {
		users[i] = fromRecord[growthgenius.User](user.render(userFields))
	}
	return users
}

// Contacts returns all stored contacts in the order of their creation.
func (s *Server) Contacts() []growthgenius.Contact {
	return stored[growthgenius.Contact](s, s.contacts)
}

// Messages returns all stored messages in the order of their creation.
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

// seed stores the records of a new server: the documented user, a second user, a company
// and a person.
func (s *Server) seed() {
	s.AddUsers(
		growthgenius.User{
			ID: "1", TeamID: "2", Email: "dev@growthgenius.com", EmailBCC: "tim@cnn.com",
			FirstName: "Okay", LastName: "Senior", FullName: "Okay Senior",
			ReportingEmail: "reporting-dev@growthgenius.com",
			Roles:          []string{"superadmin", "admin"},
			CreatedAt:      time.Date(2019, 3, 21, 16, 11, 0, 24e6, time.FixedZone("", -4*60*60)),
		},
		growthgenius.User{
			ID: "2", TeamID: "2", Email: "sam@growthgenius.com",
			FirstName: "Sam", LastName: "Junior", FullName: "Sam Junior",
			Roles: []string{"admin"}, CreatedAt: time.Date(2020, 6, 1, 9, 30, 0, 0, zone),
		},
	)
	people := 45000
	s.AddCompany("tesla.com", growthgenius.Company{
		ID: "tesla", Name: "Tesla", Website: "tesla.com", Founded: "2003",
		Size: &people, SizeRange: "10001+", Industry: "automotive",
		Location: &growthgenius.CompanyLocation{
			Name: "austin, texas, united states", Locality: "austin", Region: "texas",
			Country: "united states", Continent: "north america",
		},
		LinkedInURL: "linkedin.com/company/tesla-motors", Ticker: "TSLA", Type: "public",
		Tags: []string{"automotive", "energy"}, EmailDomains: []string{"tesla.com"},
		Summary: "Makes electric vehicles and energy products.",
	})
	s.AddPeople(growthgenius.Person{
		ID: "elon-musk", FullName: "elon musk", FirstName: "elon", LastName: "musk",
		WorkEmail: "elon@tesla.com", JobTitle: "ceo", JobTitleLevels: []string{"cxo"},
		JobCompanyID: "tesla", JobCompanyName: "tesla", JobCompanyWebsite: "tesla.com",
		JobCompanyIndustry: "automotive", Industry: "automotive",
		LocationName: "austin, texas, united states", LocationCountry: "united states",
		Emails: []growthgenius.PersonEmail{
			{Address: "elon@tesla.com", Type: "current_professional"},
		},
	})
}
