package growthgeniustest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// record is a stored object, with each field as JSON.
type record map[string]json.RawMessage

var null = json.RawMessage("null")

// contactFields are the 58 documented fields of a contact, in the order of the API
// reference of 2021-01-22.
var contactFields = strings.Fields(`
	annual_revenue bad_data_reason city company_address company_city company_country
	company_linkedin_url company_name company_name_informal company_state contact_account
	contact_account_id corporate_phone country created_at custom1 custom2 custom3 custom4
	custom5 custom6 custom7 custom8 custom9 email email_confidence email_status
	employee_count facebook_url first_name first_phone full_name home_phone id industry
	keywords label_names last_name linkedin_url linkedin_username lists mobile_phone name
	other_phone prospect_id seo_description stage state status technologies title
	twitter_url unstructured_data updated_at upload_identifier user_id website work_phone`)

// messageFields are the documented fields of a message. Its only timestamp is sent_at.
var messageFields = strings.Fields(`
	id contact_id message_type rendered_copy rendered_subject sent_at team_id user_id`)

// userFields are the documented fields of a user.
var userFields = strings.Fields(`
	id team_id created_at email email_bcc first_name full_name last_name reporting_email
	roles`)

// companyFields are the 23 fields of the company record (later).
var companyFields = strings.Fields(`
	size id website name founded size_range location industry facebook_url twitter_url
	crunchbase_url linkedin_url linkedin_id email_domains ticker type profiles tags summary
	headline alternative_names alternative_domains affiliated_profiles`)

// personFields are the 82 fields of the person record (later).
var personFields = strings.Fields(`
	id full_name first_name middle_initial middle_name last_name gender birth_year
	birth_date linkedin_url linkedin_username linkedin_id facebook_url facebook_username
	facebook_id twitter_url twitter_username github_url github_username work_email
	mobile_phone industry job_title job_title_role job_title_sub_role job_title_levels
	job_company_id job_company_name job_company_website job_company_size
	job_company_founded job_company_industry job_company_linkedin_url
	job_company_linkedin_id job_company_facebook_url job_company_twitter_url
	job_company_type job_company_ticker job_company_location_name
	job_company_location_locality job_company_location_metro job_company_location_region
	job_company_location_geo job_company_location_street_address
	job_company_location_address_line_2 job_company_location_postal_code
	job_company_location_country job_company_location_continent job_last_updated
	job_start_date job_summary location_name location_locality location_metro
	location_region location_country location_continent location_street_address
	location_address_line_2 location_postal_code location_geo location_last_updated
	linkedin_connections inferred_salary inferred_years_experience summary phone_numbers
	emails possible_emails interests skills location_names regions countries
	street_addresses experience education profiles possible_profiles certifications
	languages version_status`)

// render encodes r as a JSON object. The given fields come first, in their order, and are
// null if unset; other fields follow, sorted by name.
func (r record) render(fields []string) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	write := func(quoted []byte, value json.RawMessage) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(quoted)
		b.WriteByte(':')
		b.Write(value)
	}
	quoted := make([]byte, 0, 64)
	for _, name := range fields {
		value, ok := r[name]
		if !ok {
			value = null
		}
		quoted = append(append(append(quoted[:0], '"'), name...), '"') // needs no escapes
		write(quoted, value)
	}
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if !slices.Contains(fields, name) {
			write(mustJSON(name), r[name])
		}
	}
	b.WriteByte('}')
	return b.Bytes()
}

// text returns a field as text: the value of a JSON string, "" if the field is null or
// absent, and the JSON of any other value.
func (r record) text(name string) string {
	raw := r[name]
	if len(raw) == 0 || bytes.Equal(raw, null) {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// set sets a field to the JSON of value.
func (r record) set(name string, value any) { r[name] = mustJSON(value) }

// setDefault sets a field if it is absent or null.
func (r record) setDefault(name string, value any) {
	if raw := r[name]; len(raw) == 0 || bytes.Equal(raw, null) {
		r.set(name, value)
	}
}

// toRecord converts a value of the SDK to a record, through its JSON.
func toRecord(v any) record {
	var r record
	if err := json.Unmarshal(mustJSON(v), &r); err != nil {
		panic(fmt.Sprintf("growthgeniustest: %T is not a JSON object: %v", v, err))
	}
	return r
}

// fromRecord converts rendered JSON to a value of the SDK.
func fromRecord[T any](rendered []byte) T {
	var v T
	if err := json.Unmarshal(rendered, &v); err != nil {
		panic(fmt.Sprintf("growthgeniustest: a stored record is not a valid %T: %v", v, err))
	}
	return v
}

func mustJSON(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("growthgeniustest: cannot encode %T: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
