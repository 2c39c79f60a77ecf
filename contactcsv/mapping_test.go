package contactcsv_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/contactcsv"
)

// inputs returns the JSON of the contacts, and the texts of the errors.
func inputs(t *testing.T, r *contactcsv.Reader) (contacts, problems []string) {
	t.Helper()
	for row, err := range r.Rows() {
		if err != nil {
			problems = append(problems, strings.TrimPrefix(err.Error(), "contactcsv: "))
			continue
		}
		data, err := json.Marshal(row.Input)
		if err != nil {
			t.Error(err)
		}
		contacts = append(contacts, string(data))
	}
	return contacts, problems
}

func targets(r *contactcsv.Reader) string {
	var all []string
	for _, c := range r.Columns() {
		all = append(all, c.String()+"="+c.Target)
	}
	return strings.Join(all, " ")
}

// TestOwnNames: every field but ContactAccount is known by its name in JSON, and texts and
// numbers by their names in Go.
func TestOwnNames(t *testing.T) {
	t.Parallel()
	for field := range reflect.TypeFor[growthgenius.ContactInput]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "contact_account" {
			continue
		}
		header := name + ",full_name\n1,Anna\n"
		contacts, problems := inputs(t, open(t, header, contactcsv.ReaderOptions{}))
		switch {
		case name == "email", name == "full_name":
		case problems != nil || !strings.Contains(contacts[0], `"`+name+`":`):
			t.Errorf("%s: %s %s", name, contacts, problems)
		}
		switch field.Name {
		case "Lists", "ProspectID", "UserID", "ContactAccountID", "LabelNames", "UnstructuredData", "FullName":
			continue // only by the JSON name: other programs have columns that are called so
		}
		if got := open(t, field.Name+",full_name\n", contactcsv.ReaderOptions{}).Columns()[0].Target; got != name {
			t.Errorf("%s: %q", field.Name, got)
		}
	}
}

// TestMapping: a mapping comes before what is known of names, and every column has a target
// or is listed.
func TestMapping(t *testing.T) {
	t.Parallel()
	m, err := contactcsv.ParseMapping([]byte(`{"Handy privat": "mobile_phone", "score": "custom1", "Region": "extra:region",
		"Telefon": "ignore", "#6": "city", "Kundennr.": "prospect_id", "Tags": "label_names"}`))
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, "E-Mail,Handy Privat,Mobil,SCORE,Region,,,Telefon,Kundennr.,tags,Notiz\n"+
		`a@example.com,1,2,3,4,5,6,7,8,"[""x""]",9`+"\n", contactcsv.ReaderOptions{Mapping: m})
	if got, want := targets(r), "E-Mail=email Handy Privat=mobile_phone Mobil= SCORE=custom1 Region=extra:region #6=city #7= "+
		"Telefon=ignore Kundennr.=prospect_id tags=label_names Notiz="; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := names(r.Unmapped()); got != "Mobil, #7, Notiz" {
		t.Error(got)
	}
	contacts, problems := inputs(t, r)
	want := `{"email":"a@example.com","mobile_phone":"1","city":"5","prospect_id":8,"label_names":["x"],"custom1":"3","region":"4"}`
	if problems != nil || !cmp.Equal(contacts, []string{want}) {
		t.Errorf("%s %s, want %s", contacts, problems, want)
	}
}

// TestBadMapping: a mapping with a mistake is an error that names it.
func TestBadMapping(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[]`:                       "it is not a JSON object",
		`{"a": 1}`:                 `the target of "a"`,
		`{"a": "city"`:             "EOF",
		`{"a": "city"} {}`:         "it has more after its object",
		`{"a b": "x", "A_B": "y"}`: `the column "A_B" is in it twice`,
		`{"a": "mobil"}`:           `column "a": "mobil" is not a field of a contact, "ignore" or "extra:" and a key (did you mean "mobile_phone"?)`,
		`{"a": "contact_account"}`: `"contact_account" is not a field`,
		`{"a": "extra:"}`:          `"extra:" is not a field`,
		`{"a": "extra:email"}`:     `"extra:email" is not a field`,
	} {
		if _, err := contactcsv.ParseMapping([]byte(text)); !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	_, err := contactcsv.NewReader(strings.NewReader("email\n"), contactcsv.ReaderOptions{Mapping: contactcsv.Mapping{"Emial": "email"}})
	if err == nil || !strings.Contains(err.Error(), `the file has no column "Emial"; it has ["email"]`) {
		t.Error(err)
	}
	_, err = contactcsv.NewReader(strings.NewReader("email\n"), contactcsv.ReaderOptions{Mapping: contactcsv.Mapping{"email": "mail"}})
	if err == nil || !strings.Contains(err.Error(), `did you mean "email"?`) {
		t.Error(err)
	}
}

// TestSeveralColumns: of several columns of a field the one with the best name counts; if
// two are as good, they must not differ.
func TestSeveralColumns(t *testing.T) {
	t.Parallel()
	r := open(t, "full_name,Secondary Email,Email,Work Email\n"+
		"A,a2@example.com,a@example.com,a3@example.com\n"+
		"B,b2@example.com,,b3@example.com\n"+
		"C,c2@example.com,,\n", contactcsv.ReaderOptions{})
	var got []string
	for row, err := range r.Rows() {
		email, _ := row.Input.Email.Get()
		got = append(got, email+" not "+names(row.Unused()))
		if err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"a@example.com not Secondary Email, Work Email", "b3@example.com not Secondary Email", "c2@example.com not "}, got); diff != "" {
		t.Error(diff)
	}

	contacts, problems := inputs(t, open(t, "E-Mail,Email,City,City\na@example.com,,x,x\n,b@example.com,,y\na@example.com,b@example.com,x,z\n", contactcsv.ReaderOptions{}))
	if diff := cmp.Diff([]string{`{"email":"a@example.com","city":"x"}`, `{"email":"b@example.com","city":"y"}`}, contacts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{`line 4: column "Email": it has another value than column "E-Mail" (#1): map one of them to another field, or ignore it; ` +
		`column "City": it has another value than column "City" (#3): map one of them to another field, or ignore it`}, problems); diff != "" {
		t.Error(diff)
	}
}

// TestNames: full names and salutations.
func TestNames(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"Name,City":                "Name=full_name City=city",
		"name,full_name":           "name=name full_name=full_name",
		"Name,First Name,Nachname": "Name=full_name First Name=first_name Nachname=last_name",
		"Title,Email":              "Title=title Email=email",
		"Title,Job Title,Email":    "Title= Job Title=title Email=email",
		"URL,Email":                "URL= Email=email",
		"Lists,email":              "Lists= email=email",
		"Phone 1 - Value,Phone 1 - Type,Phone 2 - Value,Email": "Phone 1 - Value=phone Phone 1 - Type=label Phone 2 - Value= Email=email",
	} {
		if got := targets(open(t, header+"\n", contactcsv.ReaderOptions{})); got != want {
			t.Errorf("%s: %s, want %s", header, got, want)
		}
	}
}

// TestProblems: a row that cannot be a contact says which columns, and why.
func TestProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ header, row, want string }{
		{"Mail", "n/a", `column "Mail": it is not a valid e-mail address: it should look like "elon@tesla.com"`},
		{"email", "Tony <tony@example.com>", `column "email": it is not a valid e-mail address: give the address alone, without a name and brackets, such as elon@tesla.com`},
		{"email", "a@example.com; b@example.com", `column "email": it is not a valid e-mail address: give one address, and nothing else`},
		{"email_confidence", "99999999999999999999", `column "email_confidence": the number is too large`},
		{"email_confidence", "0.9", `column "email_confidence": it is not a whole number`},
		{"lists", "Stone", `column "lists": it is not JSON, such as ["a", "b"]`},
		{"city", strings.Repeat("x", 128<<10+1), `column "city": the text has 131073 bytes: the limit is 131072`},
		{"city", "K\ufffdln", `column "city": it has a replacement character: the text was damaged when the file was written`},
		{"city", "KÃ¶ln", `column "city": it is UTF-8 that was read as Windows-1252 when the file was written: export the file again as UTF-8`},
		{"city", "#REF!", `column "city": it is an error value of a spreadsheet`},
		{"phone", "4.91512E+11", `column "phone": a spreadsheet has rounded the number: format the column as text, and enter it again`},
		{"Phone 1 - Label", "", `no column that is mapped to a field has a value`},
	} {
		text := "full_name,Phone 1 - Value," + tt.header + "\n,,\"" + tt.row + "\"\n,1,\n"
		if tt.row == "" {
			text = "full_name,note\n,x\n"
		}
		_, problems := inputs(t, open(t, text, contactcsv.ReaderOptions{}))
		if len(problems) == 0 || problems[0] != "line 2: "+tt.want {
			t.Errorf("%.40s: %.200s\nwant %s", tt.row, problems, tt.want)
		}
	}
	for _, fine := range []string{"SÃO PAULO", "Köln", "50°", "#1", "N/A"} {
		if _, problems := inputs(t, open(t, "full_name,city\nA,"+fine+"\n", contactcsv.ReaderOptions{})); problems != nil {
			t.Error(fine, problems)
		}
	}
	kept, problems := inputs(t, open(t, "city,phone\nKÃ¶ln,4.91512E+11\n", contactcsv.ReaderOptions{KeepDamaged: true}))
	if problems != nil || kept[0] != `{"first_phone":"4.91512E+11","city":"KÃ¶ln"}` {
		t.Error(kept, problems)
	}
}

// TestRowError: all problems of a row are told at once, without its values.
func TestRowError(t *testing.T) {
	t.Parallel()
	for row, err := range open(t, "email,phone,city\nn/a,1E+12,Rome\n", contactcsv.ReaderOptions{}).Rows() {
		bad, ok := errors.AsType[*contactcsv.RowError](err)
		if !ok || !errors.Is(err, growthgenius.ErrInvalidInput) || row == nil || bad.Line != 2 {
			t.Fatal(row, err)
		}
		if len(bad.Problems) != 2 || bad.Problems[0].Field != "email" || bad.Problems[1].Field != "first_phone" || bad.Problems[1].Column != "phone" {
			t.Errorf("%+v", bad.Problems)
		}
		if strings.Contains(err.Error(), "n/a") || strings.Contains(err.Error(), "1E+12") {
			t.Error(err)
		}
	}
}

// TestCells: what is changed in values, and what is not.
func TestCells(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ header, cell, want string }{
		{"city", "  Rome\u00a0", "Rome"},
		{"city", "=1+1", "=1+1"},
		{"city", "'Rome", "'Rome"},
		{"work_phone", "'+49 30 1", "+49 30 1"},
		{"work_phone", `=""0301""`, "0301"},
		{"work_phone", "+49 30 1", "+49 30 1"},
		{"linkedin_url", "linkedin.com/in/Anna", "https://linkedin.com/in/Anna"},
		{"linkedin_url", "www.LinkedIn.com/in/Anna?x=1", "https://www.LinkedIn.com/in/Anna?x=1"},
		{"linkedin_url", "http://linkedin.com/in/Anna", "http://linkedin.com/in/Anna"},
		{"linkedin_url", "anna-smith", "anna-smith"},
		{"website", "example.com", "example.com"},
		{"email", "a@example.com ::: b@example.com", "a@example.com"},
	} {
		r := open(t, "full_name,"+tt.header+"\nA,\""+tt.cell+"\"\n", contactcsv.ReaderOptions{})
		contacts, problems := inputs(t, r)
		var fields map[string]string
		if problems != nil || json.Unmarshal([]byte(contacts[0]), &fields) != nil || fields[tt.header] != tt.want {
			t.Errorf("%s: %s %s, want %s", tt.cell, contacts, problems, tt.want)
		}
	}
}

// TestEmptyCells: an empty cell leaves its field unset, or clears it if that is asked for.
func TestEmptyCells(t *testing.T) {
	t.Parallel()
	const text = "email,city,Phone,Telefon,user_id,email_confidence,lists,Tier,note\na@example.com,,,,,,,\nb@example.com\nc@example.com,x,,1\n"
	m := contactcsv.Mapping{"Tier": "extra:tier"}
	for _, tt := range []struct {
		clears bool
		want   []string
	}{
		{false, []string{`{"email":"a@example.com"}`, `{"email":"b@example.com"}`, `{"email":"c@example.com","first_phone":"1","city":"x"}`}},
		{true, []string{`{"email":"a@example.com","email_confidence":null,"first_phone":null,"city":null,"user_id":null,"lists":null,"tier":null}`,
			`{"email":"b@example.com"}`, `{"email":"c@example.com","first_phone":"1","city":"x"}`}},
	} {
		contacts, problems := inputs(t, open(t, text+",,,,,,,,note\n", contactcsv.ReaderOptions{Mapping: m, EmptyClears: tt.clears}))
		if diff := cmp.Diff(tt.want, contacts); diff != "" || len(problems) != 1 || problems[0] != "line 5: no column that is mapped to a field has a value" {
			t.Error(diff, problems)
		}
	}
}

// TestPhoneLabels: labels of phone numbers, in the languages of programs that write them.
func TestPhoneLabels(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]string{
		"": "first_phone", "Main": "first_phone", "* Work": "work_phone", "Arbeit": "work_phone", "Home": "home_phone", "Privat": "home_phone",
		"Mobile": "mobile_phone", "Mobil": "mobile_phone", "Cell": "mobile_phone", "Handy": "mobile_phone", "Skype": "other_phone",
		"Work Fax": "", "Pager": "",
	} {
		contacts, _ := inputs(t, open(t, "full_name,Phone 1 - Type,Phone 1 - Value\nA,"+label+",1\n", contactcsv.ReaderOptions{}))
		expected := fmt.Sprintf(`{"full_name":"A",%q:"1"}`, want)
		if want == "" {
			expected = `{"full_name":"A"}`
		}
		if contacts[0] != expected {
			t.Errorf("%s: %s, want %s", label, contacts, want)
		}
	}
	_, problems := inputs(t, open(t, "Phone 1 - Type,Phone 1 - Value\nWork,1E+12\n", contactcsv.ReaderOptions{}))
	if len(problems) != 1 || !strings.HasPrefix(problems[0], `line 2: column "Phone 1 - Value": a spreadsheet has rounded`) {
		t.Error(problems)
	}
}

// TestLabeledPhones: a label says which field a number is for, and no number is lost unless
// Unused names its column.
func TestLabeledPhones(t *testing.T) {
	t.Parallel()
	const text = "full_name,Mobile,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value\n" +
		"A,1,* Work,2,Mobile,3\n" +
		"B,,Home Fax,1,,2 ::: 3\n" +
		"C,1,Mobile,2 ::: 3 ::: 4,Main,5\n"
	ignored, _ := inputs(t, open(t, text, contactcsv.ReaderOptions{Mapping: contactcsv.Mapping{"Phone 1 - Label": contactcsv.Ignore, "full name": "name"}}))
	if want := `{"name":"A","first_phone":"2","mobile_phone":"1","other_phone":"3"}`; ignored[0] != want {
		t.Errorf("%s, want %s", ignored[0], want)
	}
	r := open(t, text, contactcsv.ReaderOptions{})
	var got []string
	for row, err := range r.Rows() {
		data, err2 := json.Marshal(row.Input)
		if err := errors.Join(err, err2); err != nil {
			t.Error(err)
		}
		got = append(got, string(data)+" "+names(row.Unused()))
	}
	if diff := cmp.Diff([]string{
		`{"full_name":"A","first_phone":"3","work_phone":"2","mobile_phone":"1"} `,
		`{"full_name":"B","first_phone":"2","other_phone":"3"} Phone 1 - Label, Phone 1 - Value`,
		`{"full_name":"C","first_phone":"2","mobile_phone":"1","other_phone":"3"} Phone 1 - Label, Phone 1 - Value, Phone 2 - Label, Phone 2 - Value`,
	}, got); diff != "" {
		t.Error(diff)
	}
}
