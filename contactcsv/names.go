package contactcsv

import (
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/growthgenius/growthgenius-go"
)

// synonyms has the names of columns that are known, by field, besides the names that the
// field has in Go and JSON. They are written as key returns them. If a file has several of
// a field, the first in the list that is not empty counts.
var synonyms = map[string]string{
	"full_name":  "contactname contactfullname displayname",
	"first_name": "givenname forename fname vorname prénom prenom nombre",
	"last_name":  "familyname surname lname nachname familienname nom apellido apellidos",
	"title":      "jobtitle position designation organizationtitle organization1title jobposition jobrole berufsbezeichnung fonction cargo",
	"email": "emailaddress primaryemail workemail businessemail emailwork email1value contactemail mail emailadresse " +
		"courriel correo correoelectrónico correoelectronico personalemail emailhome emailother secondaryemail email2value " +
		"email2address tertiaryemail email3value email3address",

	"linkedin_url":         "personlinkedinurl contactlinkedinurl linkedinprofileurl linkedinprofile linkedinpage linkedin",
	"facebook_url":         "facebook",
	"first_phone":          "phone phonenumber primaryphone contactphone telephone telephonenumber tel telefon telefonnummer téléphone teléfono telefono",
	"work_phone":           "workdirectphone directphone businessphone phonework officephone businessphone2",
	"corporate_phone":      "companyphone companymainphone companyphonenumber",
	"mobile_phone":         "mobile mobilephonenumber phonemobile cellphone cell mobil mobilnummer mobiltelefon handy móvil movil",
	"home_phone":           "phonehome homephone2",
	"other_phone":          "phoneother",
	"city":                 "mailingcity address1city homecity postaladdresscity ort stadt ville ciudad",
	"state":                "stateregion stateprovince mailingstate mailingstateprovince address1region homestate postaladdressstatecounty bundesland",
	"country":              "countryregion mailingcountry address1country homecountry homecountryregion postaladdresscountry land pays país pais",
	"company_name":         "company accountname organization organisation organizationname organization1name associatedcompany employer firma unternehmen entreprise société empresa",
	"company_address":      "businessstreet",
	"company_city":         "businesscity",
	"company_state":        "businessstate",
	"company_country":      "businesscountry businesscountryregion",
	"website":              "companywebsite websiteurl webpage homepage website1value companydomainname webseite",
	"industry":             "companyindustry branche",
	"employee_count":       "employees numberofemployees noofemployees",
	"stage":                "contactstage",
	"keywords":             "companykeywords",
	"technologies":         "companytechnologies",
	"annual_revenue":       "companyannualrevenue",
	"company_linkedin_url": "companylinkedin", "company_name_informal": "companynameforemails",
}

// What a column may be mapped to besides a field.
const (
	// Ignore is the target of a column that is not imported.
	Ignore = "ignore"
	// ExtraPrefix begins the target of a column that goes to [growthgenius.ContactInput].Extra,
	// as in "extra:loyalty_tier".
	ExtraPrefix = "extra:"

	labelTarget = "label" // a label of the phone number in the next column
	phoneTarget = "phone" // a phone number whose label says which it is
)

// field is a field of growthgenius.ContactInput.
type field struct {
	name  string // in JSON
	index int
	kind  reflect.Type
	exact bool // whether only its JSON name is known without a mapping
}

// fields has the fields that a column may be mapped to, by their JSON names. ranks has the
// names of columns that are known.
var fields, ranks = tables()

// rank is a field that a name of a column is known for, and how well.
type rank struct {
	field string
	rank  int // 0 is the best
}

func tables() (map[string]field, map[string]rank) {
	all, names := map[string]field{}, map[string]rank{}
	input := reflect.TypeFor[growthgenius.ContactInput]()
	for f := range input.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "contact_account" {
			continue // Extra, and a record of its own
		}
		known := field{name: name, index: f.Index[0], kind: f.Type}
		switch f.Type {
		case reflect.TypeFor[growthgenius.Optional[string]](), reflect.TypeFor[growthgenius.Optional[int]]():
			names[key(name)] = rank{name, 0}
		default:
			known.exact = true
		}
		all[name] = known
		for i, synonym := range strings.Fields(synonyms[name]) {
			names[synonym] = rank{name, i + 1}
		}
	}
	return all, names
}

// key returns what counts of the name of a column: its letters and digits, in lower case.
// "Person - " is what Pipedrive has before the names of its columns.
func key(name string) string {
	name = strings.TrimPrefix(strings.TrimSpace(name), "Person - ")
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// automatic returns what a column is mapped to without a mapping, or a target of "". keys has
// the names of all columns of the file.
func automatic(name string, keys map[string]bool) rank {
	k := key(name)
	if f, ok := fields[name]; ok && f.exact {
		return rank{name, 0}
	}
	switch {
	case k == "name" && !keys["fullname"]: // the name of a person, in most files
		return rank{"full_name", 9}
	case k == "title" && (keys["jobtitle"] || keys["position"]): // Dr., Ms.
		return rank{}
	case k == "url" && keys["connectedon"]: // LinkedIn
		return rank{"linkedin_url", 9}
	case k == "keywords" && keys["sensitivity"]: // Outlook
		return rank{}
	}
	if n, ok := numberedPhone(k, "value"); ok && (keys["phone"+n+"label"] || keys["phone"+n+"type"]) {
		return rank{phoneTarget, 0}
	}
	for _, suffix := range []string{"label", "type"} {
		if n, ok := numberedPhone(k, suffix); ok && keys["phone"+n+"value"] {
			return rank{labelTarget, 0}
		}
	}
	return ranks[k]
}

// numberedPhone returns the number in a name such as that of "Phone 1 - Value".
func numberedPhone(k, suffix string) (string, bool) {
	k, ok := strings.CutPrefix(k, "phone")
	if !ok {
		return "", false
	}
	k, ok = strings.CutSuffix(k, suffix)
	_, err := strconv.Atoi(k)
	return k, ok && err == nil
}
