package main

import (
	"encoding/json"
	"time"
)

// plainContact is a contact as in hand-written code: the 58 fields of
// growthgenius.Contact, with ids as integers, without methods, and without unknown
// fields.
type plainContact struct {
	ID                  int64           `json:"id"`
	Name                string          `json:"name"`
	FullName            string          `json:"full_name"`
	FirstName           string          `json:"first_name"`
	LastName            string          `json:"last_name"`
	Title               string          `json:"title"`
	Email               string          `json:"email"`
	EmailStatus         string          `json:"email_status"`
	EmailConfidence     *int            `json:"email_confidence"`
	LinkedInURL         string          `json:"linkedin_url"`
	LinkedInUsername    string          `json:"linkedin_username"`
	FacebookURL         string          `json:"facebook_url"`
	TwitterURL          string          `json:"twitter_url"`
	FirstPhone          string          `json:"first_phone"`
	WorkPhone           string          `json:"work_phone"`
	CorporatePhone      string          `json:"corporate_phone"`
	MobilePhone         string          `json:"mobile_phone"`
	HomePhone           string          `json:"home_phone"`
	OtherPhone          string          `json:"other_phone"`
	City                string          `json:"city"`
	State               string          `json:"state"`
	Country             string          `json:"country"`
	CompanyName         string          `json:"company_name"`
	CompanyNameInformal string          `json:"company_name_informal"`
	CompanyAddress      string          `json:"company_address"`
	CompanyCity         string          `json:"company_city"`
	CompanyState        string          `json:"company_state"`
	CompanyCountry      string          `json:"company_country"`
	CompanyLinkedInURL  string          `json:"company_linkedin_url"`
	Website             string          `json:"website"`
	Industry            string          `json:"industry"`
	AnnualRevenue       string          `json:"annual_revenue"`
	EmployeeCount       string          `json:"employee_count"`
	Keywords            string          `json:"keywords"`
	Technologies        string          `json:"technologies"`
	SEODescription      string          `json:"seo_description"`
	Stage               string          `json:"stage"`
	Status              string          `json:"status"`
	ContactAccount      *plainAccount   `json:"contact_account"`
	ContactAccountID    int64           `json:"contact_account_id"`
	ProspectID          int64           `json:"prospect_id"`
	UserID              int64           `json:"user_id"`
	BadDataReason       string          `json:"bad_data_reason"`
	UploadIdentifier    string          `json:"upload_identifier"`
	LabelNames          json.RawMessage `json:"label_names"`
	Lists               json.RawMessage `json:"lists"`
	UnstructuredData    json.RawMessage `json:"unstructured_data"`
	Custom1             string          `json:"custom1"`
	Custom2             string          `json:"custom2"`
	Custom3             string          `json:"custom3"`
	Custom4             string          `json:"custom4"`
	Custom5             string          `json:"custom5"`
	Custom6             string          `json:"custom6"`
	Custom7             string          `json:"custom7"`
	Custom8             string          `json:"custom8"`
	Custom9             string          `json:"custom9"`
	CreatedAt           time.Time       `json:"created_at"`
	UpdatedAt           time.Time       `json:"updated_at"`
}

type plainAccount struct {
	ID     int64  `json:"id"`
	Status string `json:"status"`
}

// plainEnvelope, plainList and plainPage are the responses with contacts.
type (
	plainEnvelope struct {
		Contact plainContact `json:"contact"`
	}
	plainList struct {
		Contacts []plainContact `json:"contacts"`
	}
	plainPage struct {
		Contacts   []plainEnvelope `json:"contacts"`
		Pagination struct {
			Page         int `json:"page"`
			PerPage      int `json:"per_page"`
			TotalEntries int `json:"total_entries"`
			TotalPages   int `json:"total_pages"`
		} `json:"pagination"`
	}
)
