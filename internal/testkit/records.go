package testkit

import (
	"encoding/json"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// The samples in testdata as Go values, written by hand from the reference.

const sampleKeywords = "banking, finance, retail banking, commercial banking, credit risk, credit, financial risk, loans, credit analysis, relationship management, risk management, core banking, portfolio management, financial analysis, business relationship management, internet banking, mobile banking"

var eastern = time.FixedZone("", -5*3600)

// SampleUser is each user of users.json, and that of user_single.json.
func SampleUser() growthgenius.User {
	return growthgenius.User{
		ID: "1", TeamID: "2",
		CreatedAt: time.Date(2019, 3, 21, 16, 11, 0, 24e6, time.FixedZone("", -4*3600)),
		Email:     "dev@growthgenius.com", EmailBCC: "tim@cnn.com",
		FirstName: "Okay", FullName: "Okay Senior", LastName: "Senior",
		ReportingEmail: "reporting-dev@growthgenius.com", Roles: []string{"superadmin", "admin"},
	}
}

// SampleMessage is the message of message.json and messages.json.
func SampleMessage() growthgenius.Message {
	return growthgenius.Message{
		ID: "393642", ContactID: "155715", MessageType: "sales_force_message",
		RenderedCopy: "Hey Louis,↵↵You hate prospecting. I love it. Maybe it's a perfect match?",
		SentAt:       time.Date(2019, 8, 9, 7, 10, 41, 275e6, time.FixedZone("", -4*3600)),
		TeamID:       "1", UserID: "78",
	}
}

// SampleContact is the contact of contact.json.
func SampleContact() growthgenius.Contact {
	return growthgenius.Contact{
		ID: "1102755", Name: "Tony Barkley", FullName: "Steve Jobs", FirstName: "Tony", LastName: "Barkley",
		Title: "Relationship Associate", Email: "sjobs@apple.com", EmailStatus: "valid", EmailConfidence: new(100),
		LinkedInURL: "linkedin.com/in/tony-barkley-92824584", LinkedInUsername: "tony-barkley-92824584",
		FacebookURL: "facebook.com/tony", TwitterURL: "twitter.com/tony",
		FirstPhone: "778-889-3825", WorkPhone: "778-889-3825", CorporatePhone: "777-889-3825",
		MobilePhone: "NaN", HomePhone: "778-889-3825", OtherPhone: "778-889-3825",
		City: "San Francisco", State: "Bay Of Plenty", Country: "USA",
		CompanyName: "Apple Inc.", CompanyNameInformal: "Apple", CompanyAddress: "123 Water St.",
		CompanyCity: "San Francisco", CompanyState: "Victoria", CompanyCountry: "USA",
		CompanyLinkedInURL: "linkedin.com/company/anz", Website: "anz.com", Industry: "Computers",
		AnnualRevenue: "$1-$10 million", EmployeeCount: "11-50", Keywords: sampleKeywords,
		SEODescription: "A great firm to work for, lovely all round",
		Stage:          "Replied", Status: "Ongoing",
		ContactAccount:   &growthgenius.ContactAccount{ID: "485499", Status: "cold"},
		ContactAccountID: "485499", ProspectID: "236811124", UserID: "1",
		CreatedAt: time.Date(2021, 1, 19, 17, 6, 25, 730e6, eastern),
		UpdatedAt: time.Date(2021, 1, 19, 17, 7, 20, 529e6, eastern),
	}
}

// SampleListContact is the contact of contacts.json.
func SampleListContact() growthgenius.Contact {
	c := SampleContact()
	c.AnnualRevenue, c.City, c.CompanyAddress, c.EmailStatus, c.EmployeeCount, c.FacebookURL = "", "", "", "", "", ""
	c.FirstPhone, c.WorkPhone, c.CorporatePhone, c.HomePhone, c.OtherPhone = "", "", "", "", ""
	c.SEODescription, c.Stage, c.TwitterURL = "", "", ""
	return c
}

// SampleLookupContact is the contact of company_find.json.
func SampleLookupContact() growthgenius.Contact {
	c := SampleListContact()
	c.CompanyCity, c.CompanyCountry, c.CompanyName, c.CompanyNameInformal = "Melbourne", "New Zealand", "Anz", ""
	c.Country, c.Email, c.FullName, c.Industry = "New Zealand", "tony.barkley@anz.com", "Tony Barkley", "Banking"
	return c
}

// SamplePage is the page of contacts_search.json.
func SamplePage() growthgenius.ContactPage {
	elon := growthgenius.Contact{
		ID: "d54c54ad-40be-4305-8a34-0ab44710b90d", FullName: "Elon Musk", FirstName: "Elon", LastName: "Musk", Email: "elon@tesla.com",
		Extra: map[string]json.RawMessage{"//": json.RawMessage(`"..."`)},
	}
	return growthgenius.ContactPage{
		Contacts: []growthgenius.Contact{elon, elon},
		Breadcrumbs: []growthgenius.Breadcrumb{{
			Label: "Contains Keywords", SignalFieldName: "q_keywords",
			Value: "Tim Zheng, CEO, Apollo", DisplayName: "Tim Zheng, CEO, Apollo",
		}},
		PartialResultsLimit: 10000,
		Pagination:          growthgenius.Pagination{Page: 1, PerPage: 25, TotalEntries: 1, TotalPages: 1},
	}
}

// SampleCompany is the company of company.json.
func SampleCompany() growthgenius.Company {
	return growthgenius.Company{
		ID: "tesla", Name: "Tesla", Website: "tesla.com", Industry: "automotive", Founded: "2003", Size: new(45000), SizeRange: "10001+",
		Location: &growthgenius.CompanyLocation{
			Name: "austin, texas, united states", Locality: "austin", Region: "texas", Metro: "austin, texas", Country: "united states",
			Continent: "north america", StreetAddress: "1 example road", PostalCode: "78725", AddressLine2: "suite 100",
		},
		Type: "public", Ticker: "TSLA", Summary: "Makes electric vehicles and energy products.",
		FacebookURL: "facebook.com/example-tesla", TwitterURL: "twitter.com/example_tesla",
		CrunchbaseURL: "crunchbase.com/organization/example-tesla",
		LinkedInURL:   "linkedin.com/company/example-tesla", LinkedInID: "15564",
		EmailDomains: []string{"tesla.com"},
		Profiles:     []string{"linkedin.com/company/example-tesla", "twitter.com/example_tesla"},
		Tags:         []string{"automotive", "energy"}, AlternativeNames: []string{"tesla motors"},
		AlternativeDomains: []string{"teslamotors.com"}, AffiliatedProfiles: []string{"example-solar"},
	}
}

// SamplePerson is the person of person.json.
func SamplePerson() growthgenius.Person {
	austin := growthgenius.PersonLocation{
		Name: "austin, texas, united states", Locality: "austin", Region: "texas", Metro: "austin, texas", Country: "united states",
		Continent: "north america", StreetAddress: "1 example road", PostalCode: "78725", AddressLine2: "suite 100", Geo: "30.22,-97.61",
	}
	empty := json.RawMessage("[]")
	return growthgenius.Person{
		ID: "qEnOZ5Oh0poWnQ1luFBfVw_0000", FullName: "elon musk", FirstName: "elon", MiddleInitial: "r", MiddleName: "reeve", LastName: "musk",
		Gender: "male", BirthYear: "1971", BirthDate: "1971-06",
		LinkedInURL: "linkedin.com/in/example-elon", LinkedInUsername: "example-elon", LinkedInID: "100000001",
		FacebookURL: "facebook.com/example.elon", FacebookUsername: "example.elon", FacebookID: "100000002",
		TwitterURL: "twitter.com/example_elon", TwitterUsername: "example_elon", LinkedInConnections: new(500),
		WorkEmail: "elon@tesla.com", PhoneNumbers: []string{"+15125550100"},
		Emails:         []growthgenius.PersonEmail{{Address: "elon@tesla.com", Type: "current_professional"}, {Address: "elon@example.com"}},
		PossibleEmails: []growthgenius.PersonEmail{{Address: "emusk@example.org", Type: "personal"}},
		Industry:       "automotive", JobTitle: "ceo", JobTitleRole: "operations", JobTitleLevels: []string{"cxo", "owner"},
		JobLastUpdated: "2020-12-01", JobStartDate: "2008-10", InferredSalary: ">250,000", InferredYearsExperience: new(25),
		JobCompanyID: "tesla", JobCompanyName: "tesla", JobCompanyWebsite: "tesla.com", JobCompanySize: "10001+", JobCompanyFounded: "2003",
		JobCompanyIndustry: "automotive", JobCompanyLinkedInURL: "linkedin.com/company/example-tesla", JobCompanyLinkedInID: "15564",
		JobCompanyFacebookURL: "facebook.com/example-tesla", JobCompanyTwitterURL: "twitter.com/example_tesla",
		JobCompanyType: "public", JobCompanyTicker: "TSLA",
		JobCompanyLocationName: "austin, texas, united states", JobCompanyLocationLocality: "austin", JobCompanyLocationMetro: "austin, texas",
		JobCompanyLocationRegion: "texas", JobCompanyLocationGeo: "30.22,-97.61", JobCompanyLocationStreetAddress: "1 example road",
		JobCompanyLocationAddressLine2: "suite 100", JobCompanyLocationPostalCode: "78725",
		JobCompanyLocationCountry: "united states", JobCompanyLocationContinent: "north america",
		LocationName: "austin, texas, united states", LocationLocality: "austin", LocationMetro: "austin, texas", LocationRegion: "texas",
		LocationCountry: "united states", LocationContinent: "north america", LocationPostalCode: "78701", LocationGeo: "30.26,-97.74",
		LocationLastUpdated: "2020-12-01", LocationNames: []string{"austin, texas, united states"},
		Regions: []string{"texas, united states"}, Countries: []string{"united states"},
		StreetAddresses: empty, Certifications: empty, Languages: empty,
		Summary: "Engineer and founder.", Interests: []string{"engineering", "space"}, Skills: []string{"manufacturing", "product design"},
		Experience: sampleExperience(&austin),
		Education:  sampleEducation(),
		Profiles: []growthgenius.Profile{
			{Network: "linkedin", ID: "100000001", URL: "linkedin.com/in/example-elon", Username: "example-elon"},
			{Network: "twitter", URL: "twitter.com/example_elon", Username: "example_elon"},
		},
		PossibleProfiles: []growthgenius.Profile{{Network: "github", ID: "100000003", URL: "github.com/example-elon", Username: "example-elon"}},
		VersionStatus:    &growthgenius.VersionStatus{Status: "updated", Contains: []string{"job_title"}, PreviousVersion: "11.0", CurrentVersion: "12.0"},
	}
}

func sampleExperience(austin *growthgenius.PersonLocation) []growthgenius.Experience {
	return []growthgenius.Experience{{
		Company: &growthgenius.ExperienceCompany{
			Name: "tesla", Size: "10001+", ID: "tesla", Founded: "2003", Industry: "automotive", Location: austin,
			LinkedInURL: "linkedin.com/company/example-tesla", LinkedInID: "15564", FacebookURL: "facebook.com/example-tesla",
			TwitterURL: "twitter.com/example_tesla", Website: "tesla.com", Raw: []string{"Tesla, Inc."}, Ticker: "TSLA", Type: "public",
		},
		LocationNames: []string{"austin, texas, united states"}, StartDate: "2008-10",
		Title:     &growthgenius.JobTitle{Name: "ceo", Raw: []string{"CEO"}, Role: "operations", SubRole: "executive", Levels: []string{"cxo", "owner"}},
		IsPrimary: true, Summary: "Leads the company.",
	}, {
		Company: &growthgenius.ExperienceCompany{
			Name: "example motors", Size: "11-50", ID: "example-motors", Founded: "2000", Industry: "automotive", Location: austin,
			LinkedInURL: "linkedin.com/company/example-motors", LinkedInID: "15565",
			TwitterURL: "twitter.com/example_motors", Website: "motors.example.com", Raw: []string{"Example Motors"}, Type: "private", FuzzyMatch: true,
		},
		LocationNames: []string{}, EndDate: "2008", StartDate: "2004-02",
		Title:   &growthgenius.JobTitle{Name: "chairman", Raw: []string{"Chairman"}, Levels: []string{}},
		Summary: "Chaired the board.",
	}}
}

func sampleEducation() []growthgenius.Education {
	return []growthgenius.Education{{
		School: &growthgenius.School{
			Name: "example university", Type: "post-secondary institution", ID: "example-university_0",
			Location: &growthgenius.PersonLocation{
				Name: "philadelphia, pennsylvania, united states", Locality: "philadelphia", Region: "pennsylvania",
				Country: "united states", Continent: "north america",
			},
			LinkedInURL: "linkedin.com/school/example-university", FacebookURL: "facebook.com/example-university",
			TwitterURL: "twitter.com/example_uni", LinkedInID: "10001", Website: "university.example.edu",
			Domain: "university.example.edu", Raw: []string{"Example University"},
		},
		EndDate: "2014", StartDate: "2012-09", Degrees: []string{"bachelors"}, Majors: []string{"physics"}, Minors: []string{"economics"},
		Raw: []string{"BSc, Physics"}, Summary: "Studied physics.",
	}, {
		School: &growthgenius.School{
			Name: "example college", Type: "post-secondary institution", ID: "example-college_0",
			LinkedInURL: "linkedin.com/school/example-college", FacebookURL: "facebook.com/example-college",
			TwitterURL: "twitter.com/example_college", LinkedInID: "10002", Website: "college.example.edu",
			Domain: "college.example.edu", Raw: []string{"Example College"},
		},
		EndDate: "2012", StartDate: "2010", GPA: "3.5", Degrees: []string{}, Majors: []string{"business"}, Minors: []string{},
		Raw: []string{"Business"}, Summary: "Studied business.",
	}}
}
