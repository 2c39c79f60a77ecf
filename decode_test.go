package growthgenius_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

type extra = map[string]json.RawMessage

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// TestOddFields: a value of an unexpected type affects its field alone. It is kept, is
// converted if that loses nothing, and is encoded again.
func TestOddFields(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     any
		out      string // "" means the same as in
	}{
		{"id as number", `{"id":12}`, growthgenius.Contact{ID: "12"}, ""},
		{"id as UUID", `{"id":"d54c54ad-40be-4305-8a34-0ab44710b90d"}`, growthgenius.Contact{ID: "d54c54ad-40be-4305-8a34-0ab44710b90d"}, ""},
		{"id as hex", `{"id":"583f2f7ed9ced98ab5bf"}`, growthgenius.Contact{ID: "583f2f7ed9ced98ab5bf"}, ""},
		{"id as digits", `{"id":"12","user_id":"007"}`, growthgenius.Contact{ID: "12", UserID: "007"}, `{"id":12,"user_id":"007"}`},
		{"id as null", `{"id":null,"name":"x"}`, growthgenius.Contact{Name: "x"}, `{"name":"x"}`},
		{"id as object", `{"id":{"$oid":"5"},"name":"x"}`, growthgenius.Contact{Name: "x", Extra: extra{"id": raw(`{"$oid":"5"}`)}}, ""},
		{"escaped id", `{"id":"\u0061\"b"}`, growthgenius.Contact{ID: `a"b`}, `{"id":"a\"b"}`},
		{"misspelt first name", `{"fist_name":"Elon"}`, growthgenius.Contact{FirstName: "Elon"}, `{"first_name":"Elon"}`},
		{"both spellings agree", `{"first_name":"Elon","fist_name":"Elon"}`, growthgenius.Contact{FirstName: "Elon"}, `{"first_name":"Elon"}`},
		{"both spellings differ", `{"first_name":"Elon","fist_name":"Alon"}`, growthgenius.Contact{FirstName: "Elon", Extra: extra{"fist_name": raw(`"Alon"`)}}, ""},
		{"misspelt beside an odd one", `{"first_name":{"a":1},"fist_name":"Elon"}`, growthgenius.Contact{Extra: extra{"first_name": raw(`{"a":1}`), "fist_name": raw(`"Elon"`)}}, ""},
		{"odd misspelt", `{"fist_name":5}`, growthgenius.Contact{Extra: extra{"fist_name": raw(`5`)}}, ""},
		{"text as number", `{"first_name":5,"last_name":"Musk"}`, growthgenius.Contact{FirstName: "5", LastName: "Musk", Extra: extra{"first_name": raw("5")}}, ""},
		{"text as boolean", `{"stage":true}`, growthgenius.Contact{Stage: "true", Extra: extra{"stage": raw("true")}}, ""},
		{"text as object", `{"title":{"name":"CEO"},"email":"a@b.c"}`, growthgenius.Contact{Email: "a@b.c", Extra: extra{"title": raw(`{"name":"CEO"}`)}}, ""},
		{"text as list", `{"keywords":["a","b"]}`, growthgenius.Contact{Extra: extra{"keywords": raw(`["a","b"]`)}}, ""},
		{"number as text", `{"email_confidence":"97"}`, growthgenius.Contact{EmailConfidence: new(97), Extra: extra{"email_confidence": raw(`"97"`)}}, ""},
		{"number as 5.0", `{"email_confidence":5.0}`, growthgenius.Contact{EmailConfidence: new(5), Extra: extra{"email_confidence": raw(`5.0`)}}, ""},
		{"number as text 5.0", `{"email_confidence":"5.0"}`, growthgenius.Contact{EmailConfidence: new(5), Extra: extra{"email_confidence": raw(`"5.0"`)}}, ""},
		{"number as 5e1", `{"email_confidence":5e1}`, growthgenius.Contact{EmailConfidence: new(50), Extra: extra{"email_confidence": raw(`5e1`)}}, ""},
		{"number as fraction", `{"email_confidence":0.97}`, growthgenius.Contact{Extra: extra{"email_confidence": raw(`0.97`)}}, ""},
		{"number as words", `{"email_confidence":"high"}`, growthgenius.Contact{Extra: extra{"email_confidence": raw(`"high"`)}}, ""},
		{"number as hex text", `{"email_confidence":"0x1p4"}`, growthgenius.Contact{Extra: extra{"email_confidence": raw(`"0x1p4"`)}}, ""},
		{"number as blank text", `{"email_confidence":""}`, growthgenius.Contact{Extra: extra{"email_confidence": raw(`""`)}}, ""},
		{"number too large", `{"email_confidence":92233720368547758080}`, growthgenius.Contact{Extra: extra{"email_confidence": raw(`92233720368547758080`)}}, ""},
		{"time as number", `{"created_at":1611094045,"id":1}`, growthgenius.Contact{ID: "1", Extra: extra{"created_at": raw(`1611094045`)}}, ""},
		{"time in other words", `{"created_at":"2021-01-19 17:06:25","id":1}`, growthgenius.Contact{ID: "1", Extra: extra{"created_at": raw(`"2021-01-19 17:06:25"`)}}, ""},
		{"object as text", `{"contact_account":"cold","id":1}`, growthgenius.Contact{ID: "1", Extra: extra{"contact_account": raw(`"cold"`)}}, ""},
		{"object as empty list", `{"contact_account":[],"id":1}`, growthgenius.Contact{ID: "1", Extra: extra{"contact_account": raw(`[]`)}}, ""},
		{"odd in a nested record", `{"id":1,"contact_account":{"id":[1],"status":7,"new":true}}`,
			growthgenius.Contact{ID: "1", ContactAccount: &growthgenius.ContactAccount{Status: "7", Extra: extra{"id": raw("[1]"), "status": raw("7"), "new": raw("true")}}}, ""},
		{"unknown fields", `{"id":1,"score":9.50,"tags":{"a":[1,{}]},"Extra":1,"":2}`,
			growthgenius.Contact{ID: "1", Extra: extra{"score": raw("9.50"), "tags": raw(`{"a":[1,{}]}`), "Extra": raw("1"), "": raw("2")}}, ""},
		{"other case is another name", `{"id":1,"First_Name":"x"}`, growthgenius.Contact{ID: "1", Extra: extra{"First_Name": raw(`"x"`)}}, ""},
		{"raw fields take anything", `{"lists":[1],"label_names":"a","unstructured_data":{}}`,
			growthgenius.Contact{Lists: raw("[1]"), LabelNames: raw(`"a"`), UnstructuredData: raw("{}")}, ""},
		{"repeated name", `{"name":"a","name":"b","x":1,"x":2}`, growthgenius.Contact{Name: "b", Extra: extra{"x": raw("2")}}, `{"name":"b","x":2}`},
		{"repeated name, odd last", `{"name":"a","name":[5]}`, growthgenius.Contact{Extra: extra{"name": raw("[5]")}}, `{"name":[5]}`},
		{"repeated name, odd first", `{"name":[5],"name":"a"}`, growthgenius.Contact{Name: "a"}, `{"name":"a"}`},
		{"repeated name deep inside", `{"id":1,"x":{"a":1,"a":2}}`, growthgenius.Contact{ID: "1", Extra: extra{"x": raw(`{"a":1,"a":2}`)}}, ""},
		{"invalid UTF-8", "{\"id\":1,\"name\":\"a\xffb\"}", growthgenius.Contact{ID: "1", Extra: extra{"name": raw("\"a\xffb\"")}}, ""},
		{"lone surrogate", `{"id":1,"name":"a\ud800b"}`, growthgenius.Contact{ID: "1", Extra: extra{"name": raw(`"a\ud800b"`)}}, ""},
		{"wrapped", `{"contact":{"id":1,"fist_name":"Elon"}}`, growthgenius.Contact{ID: "1", FirstName: "Elon"}, `{"id":1,"first_name":"Elon"}`},
		{"wrapped, with other keys", `{"score":2,"contact":{"id":1,"x":3},"status":"ok"}`,
			growthgenius.Contact{ID: "1", Status: "ok", Extra: extra{"score": raw("2"), "x": raw("3")}}, `{"id":1,"status":"ok","score":2,"x":3}`},
		{"wrapped, with an odd value", `{"contact":{"id":1,"name":5,"lists":null}}`, growthgenius.Contact{ID: "1", Name: "5", Extra: extra{"name": raw("5")}}, `{"id":1,"name":5}`},
		{"wrapped, keys on both sides", `{"status":"ok","contact":{"id":1,"status":"Ongoing"}}`,
			growthgenius.Contact{Status: "ok", Extra: extra{"contact": raw(`{"id":1,"status":"Ongoing"}`)}}, ""},
		{"wrapped, unknown keys on both sides", `{"x":1,"contact":{"id":1,"x":2}}`,
			growthgenius.Contact{Extra: extra{"x": raw("1"), "contact": raw(`{"id":1,"x":2}`)}}, ""},
		{"wrapped null", `{"contact":null}`, growthgenius.Contact{Extra: extra{"contact": raw("null")}}, ""},
		{"a record of its own with that key", `{"id":1,"contact":{"id":2}}`, growthgenius.Contact{ID: "1", Extra: extra{"contact": raw(`{"id":2}`)}}, ""},

		{"wrapped message", `{"message":{"id":1,"sent_at":5}}`, growthgenius.Message{ID: "1", Extra: extra{"sent_at": raw("5")}}, `{"id":1,"sent_at":5}`},
		{"wrapped user", `{"user":{"id":1}}`, growthgenius.User{ID: "1"}, `{"id":1}`},
		{"texts with a number", `{"roles":["admin",5]}`, growthgenius.User{Roles: []string{"admin", "5"}, Extra: extra{"roles": raw(`["admin",5]`)}}, ""},
		{"texts with an object", `{"roles":["admin",{}]}`, growthgenius.User{Extra: extra{"roles": raw(`["admin",{}]`)}}, ""},
		{"texts with null", `{"roles":["admin",null]}`, growthgenius.User{Roles: []string{"admin", ""}}, `{"roles":["admin",""]}`},
		{"one text for a list", `{"roles":"admin"}`, growthgenius.User{Extra: extra{"roles": raw(`"admin"`)}}, ""},

		{"wrapped company", `{"company":{"name":"Tesla","size":"12"}}`,
			growthgenius.Company{Name: "Tesla", Size: new(12), Extra: extra{"size": raw(`"12"`)}}, `{"name":"Tesla","size":"12"}`},
		{"wrapped company beside a type", `{"industry":"cars","company":{"id":"tesla"}}`, growthgenius.Company{ID: "tesla", Industry: "cars"}, `{"id":"tesla","industry":"cars"}`},
		{"company location as text", `{"id":"x","location":"Austin"}`, growthgenius.Company{ID: "x", Extra: extra{"location": raw(`"Austin"`)}}, ""},
		{"company id as number", `{"id":5}`, growthgenius.Company{ID: "5", Extra: extra{"id": raw("5")}}, ""},
		{"wrapped person", `{"person":{"id":"x","skills":[1]}}`, growthgenius.Person{ID: "x", Skills: []string{"1"}, Extra: extra{"skills": raw("[1]")}}, `{"id":"x","skills":[1]}`},
		{"odd deep in a person", `{"id":"x","experience":[{"company":{"founded":2003,"location":{"geo":[1,2],"new":1}},"is_primary":"true"},{"title":{"levels":"cxo"}}]}`,
			growthgenius.Person{ID: "x", Experience: []growthgenius.Experience{
				{
					Company: &growthgenius.ExperienceCompany{
						Founded:  "2003",
						Location: &growthgenius.PersonLocation{Extra: extra{"geo": raw("[1,2]"), "new": raw("1")}},
						Extra:    extra{"founded": raw("2003")},
					},
					IsPrimary: true, Extra: extra{"is_primary": raw(`"true"`)},
				},
				{Title: &growthgenius.JobTitle{Extra: extra{"levels": raw(`"cxo"`)}}},
			}}, `{"id":"x","experience":[{"company":{"founded":2003,"location":{"geo":[1,2],"new":1},"fuzzy_match":false},"is_primary":"true"},{"title":{"levels":"cxo"},"is_primary":false}]}`},
		{"a text among objects", `{"id":"x","emails":[{"address":"a@b.c"},"d@e.f"]}`,
			growthgenius.Person{ID: "x", Emails: nil, Extra: extra{"emails": raw(`[{"address":"a@b.c"},"d@e.f"]`)}}, ""},
		{"null among objects", `{"id":"x","emails":[null,{"address":"a@b.c"}]}`,
			growthgenius.Person{ID: "x", Emails: []growthgenius.PersonEmail{{}, {Address: "a@b.c"}}}, `{"id":"x","emails":[{},{"address":"a@b.c"}]}`},
		{"odd in a page", `{"contacts":[{"id":1}],"pagination":{"page":"2","total_pages":null},"breadcrumbs":[{"value":5,"x":1}],"partial_results_only":"false"}`,
			growthgenius.ContactPage{
				Contacts: []growthgenius.Contact{{ID: "1"}}, Pagination: growthgenius.Pagination{Page: 2, Extra: extra{"page": raw(`"2"`)}},
				Breadcrumbs: []growthgenius.Breadcrumb{{Value: "5", Extra: extra{"value": raw("5"), "x": raw("1")}}},
				Extra:       extra{"partial_results_only": raw(`"false"`)},
			}, `{"contacts":[{"id":1}],"pagination":{"page":"2"},"breadcrumbs":[{"value":5,"x":1}],"partial_results_only":"false"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := decodeLike(t, tt.want, tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
			want := tt.in
			if tt.out != "" {
				want = tt.out
			}
			out := testkit.JSON(t, got)
			if !sameJSON(t, want, out) {
				t.Errorf("written as %s, want %s", out, want)
			}
			again := decodeLike(t, tt.want, out)
			if text := testkit.JSON(t, again); text != out {
				t.Errorf("%s becomes %s when read and written again", out, text)
			}
		})
	}
}

// TestNothingOfAFormerValueIsLeft: decoding into a variable twice leaves no old value.
func TestNothingOfAFormerValueIsLeft(t *testing.T) {
	t.Parallel()
	for _, next := range []string{`{"id":2}`, `{"id":2,"title":[]}`, `{"contact":{"id":2}}`} {
		c := testkit.Decode[growthgenius.Contact](t, `{"id":1,"name":"x","email_confidence":5,"contact_account":{"id":1},"new":1,"email":5}`)
		if err := json.Unmarshal([]byte(next), &c); err != nil {
			t.Fatal(err)
		}
		delete(c.Extra, "title")
		if len(c.Extra) == 0 {
			c.Extra = nil
		}
		if diff := cmp.Diff(growthgenius.Contact{ID: "2"}, c); diff != "" {
			t.Errorf("%s: %s", next, diff)
		}
	}
}

// TestEnvelopes: all the shapes in which a response may have records.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	const one, two = `{"id":1,"email":"a@example.com"}`, `{"id":2,"title":5}`
	first := growthgenius.Contact{ID: "1", Email: "a@example.com"}
	second := growthgenius.Contact{ID: "2", Title: "5", Extra: extra{"title": raw("5")}}
	for _, tt := range []struct {
		name, body string
		want       []growthgenius.Contact
	}{
		{"flat", `{"contacts":[` + one + `,` + two + `]}`, []growthgenius.Contact{first, second}},
		{"wrapped", `{"contacts":[{"contact":` + one + `},{"contact":` + two + `}]}`, []growthgenius.Contact{first, second}},
		{"mixed, with blanks", " {\n \"contacts\" : [ " + two + " ,\t{\"contact\" : " + two + " } , " + one + " ] } \n", []growthgenius.Contact{second, second, first}},
		{"singular", `{"contact":` + one + `}`, []growthgenius.Contact{first}},
		{"singular list", `{"contact":[` + one + `,` + two + `]}`, []growthgenius.Contact{first, second}},
		{"plural object", `{"contacts":` + one + `}`, []growthgenius.Contact{first}},
		{"plural object, wrapped", `{"contacts":{"contact":` + two + `}}`, []growthgenius.Contact{second}},
		{"empty", `{"contacts":[]}`, []growthgenius.Contact{}},
		{"keys before and after", `{"meta":{"contacts":[1]},"contacts":[` + one + `],"next":null,"x":[[]]}`, []growthgenius.Contact{first}},
		{"null among them", `{"contacts":[null,` + one + `,null]}`, []growthgenius.Contact{first}},
		{"both keys", `{"contact":` + one + `,"contacts":[` + two + `]}`, []growthgenius.Contact{first, second}},
		{"odd all over", `{"contacts":[{"id":1,"title":[{"a":"}"}],"contact_account":"]","email":"a@example.com"},` + two + `]}`, []growthgenius.Contact{
			{ID: "1", Email: "a@example.com", Extra: extra{"title": raw(`[{"a":"}"}]`), "contact_account": raw(`"]"`)}}, second,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := testkit.NewAPI(t).On("GET", "/contacts", 200, tt.body)
			got, err := api.Client().Contacts.List(t.Context(), growthgenius.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !slices.ContainsFunc(tt.want, func(c growthgenius.Contact) bool { return c.ID == "1" }) {
				return
			}
			// A call for one record finds it in all of these shapes, too.
			api.On("GET", "/contacts/1", 200, tt.body)
			c, err := api.Client().Contacts.Get(t.Context(), "1")
			if err != nil {
				t.Fatal(err)
			}
			if c.ID != "1" || c.Email != "a@example.com" {
				t.Errorf("Get returns %+v", c)
			}
		})
	}
}

// TestEveryResourceDecodesEveryShape is a short TestEnvelopes for the other resources.
func TestEveryResourceDecodesEveryShape(t *testing.T) {
	t.Parallel()
	for _, item := range []string{`{"id":393642}`, `{"message":{"id":"393642"}}`} {
		for _, body := range []string{`{"message":%s}`, `{"messages":%s}`, `{"message":[%s]}`, `{"messages":[%s]}`} {
			api := testkit.NewAPI(t).On("GET", "/messages/393642", 200, fmt.Sprintf(body, item))
			if m, err := api.Client().Messages.Get(t.Context(), "393642"); err != nil || m.ID != "393642" {
				t.Errorf(body+": %v, %v", item, m, err)
			}
		}
	}
	for _, item := range []string{`{"id":1}`, `{"user":{"id":1}}`} {
		for _, body := range []string{`{"user":%s}`, `{"users":%s}`, `{"user":[%s]}`, `{"users":[%s]}`} {
			api := testkit.NewAPI(t).On("GET", "/users", 200, fmt.Sprintf(body, item))
			if u, err := api.Client().Users.Current(t.Context()); err != nil || u.ID != "1" {
				t.Errorf(body+": %v, %v", item, u, err)
			}
		}
	}
}

// TestOddFieldsAreLoggedOnce: each field is one warning, whichever records have it.
func TestOddFieldsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	var out testkit.Logs
	body := `{"contacts":[{"id":1,"title":5,"new":1},{"id":2,"title":[6]},{"id":3,"contact_account":{"new":2}},null],"meta":{}}`
	api := testkit.NewAPI(t).On("GET", "/contacts", 200, body)
	c := api.Client(out.Option())
	for range 3 {
		if _, err := c.ForUser("2").Contacts.List(t.Context(), growthgenius.ListOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"Contact.new is unknown (a number); its value is kept",
		"Contact.title has an unexpected type (a number); its value is kept",
		"ContactAccount.new is unknown (a number); its value is kept",
		"the response.contacts[] is unknown (null); it is ignored",
		"the response.meta is unknown (an object); it is ignored",
	}
	got := out.Warnings(t)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(out.String(), "/contacts?") || strings.Contains(out.String(), "user_id") {
		t.Errorf("the query is logged: %s", out.String())
	}
}

// TestOddFieldNamesAreBounded: a name cannot make the memory or the log large, or garble a
// terminal.
func TestOddFieldNamesAreBounded(t *testing.T) {
	t.Parallel()
	var out testkit.Logs
	long := strings.Repeat("n", 1<<17)
	api := testkit.NewAPI(t).On("GET", "/contacts/1", 200, `{"contact":{"id":1,"\u001b[31m":1,"`+long+`":2}}`).
		On("GET", "/contacts/2", 200, `{"contact":{"id":2,"`+long+`more":2}}`)
	c := api.Client(out.Option())
	for _, id := range []growthgenius.ID{"1", "2"} {
		if _, err := c.Contacts.Get(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(out.Warnings(t)); n != 2 { // both long names have the same beginning
		t.Errorf("%d warnings", n)
	}
	if text := out.String(); len(text) > 4096 || strings.ContainsRune(strings.Join(out.Warnings(t), ""), 0x1b) {
		t.Errorf("%d bytes are logged: %.300q", len(text), text)
	}
	_, err := api.Client(growthgenius.WithStrictDecoding()).Contacts.Get(t.Context(), "1")
	if err == nil || strings.ContainsRune(err.Error(), 0x1b) {
		t.Errorf("strict: %.300q", err)
	}
}

// TestStrictDecoding: each unexpected field is an error. For a create, the error does not
// claim that it failed.
func TestStrictDecoding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, want string }{
		{`{"contact":{"id":1102755,"title":5}}`, "Contact.title has an unexpected type (a number)"},
		{`{"contact":{"id":1102755,"new":null}}`, "Contact.new is unknown (null)"},
		{`{"contact":{"id":1102755,"contact_account":{"x":[]}}}`, "ContactAccount.x is unknown (an array)"},
		{`{"contact":{"id":1102755},"meta":1}`, "the response.meta is unknown (a number)"},
		{`{"contacts":[null,{"id":1102755}]}`, "the response.contacts[] is unknown (null)"},
	} {
		api := testkit.NewAPI(t).On("GET", "/contacts/1102755", 200, tt.body).On("POST", "/contacts", 200, tt.body)
		c := api.Client(growthgenius.WithStrictDecoding())
		_, err := c.Contacts.Get(t.Context(), "1102755")
		if !errors.Is(err, growthgenius.ErrDecode) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.body, err)
		}
		_, err = c.Contacts.Create(t.Context(), growthgenius.ContactInput{Name: growthgenius.Set("x")})
		if !errors.Is(err, growthgenius.ErrOutcomeUnknown) || errors.Is(err, growthgenius.ErrDecode) {
			t.Errorf("create, %s: %v", tt.body, err)
		}
	}
	for _, tt := range testkit.Calls { // the samples of the reference pass
		body := map[string]string{
			"/users": "users.json", "/contacts": "contacts.json", "/contacts/{id}": "contact.json", "/messages": "messages.json",
			"/messages/{id}": "message.json", "/companies/find": "company.json", "/people/find": "person.json",
		}[tt.Route]
		if body == "" || tt.Creates {
			continue // the search sample has a key "//"
		}
		api := testkit.NewAPI(t).On(tt.Method, tt.Path, 200, string(testkit.Sample(t, body)))
		if _, err := tt.Do(t.Context(), api.Client(growthgenius.WithStrictDecoding()), growthgenius.NoRetry()); err != nil {
			t.Errorf("%s: %v", tt.Name, err)
		}
	}
}

// TestStrictDecodingOfWholeAnswers: pages and lookups are strict at every depth, too.
func TestStrictDecodingOfWholeAnswers(t *testing.T) {
	t.Parallel()
	api := testkit.NewAPI(t).
		On("POST", "/contacts/search", 200, `{"contacts":[{"contact":{"id":1}}],"pagination":{"cursor":"x"}}`).
		On("GET", "/companies/find", 200, `{"id":"x","location":{"lat":1}}`).
		On("GET", "/people/find", 200, `{"id":"x","education":[{"school":{"location":{"lat":1}}}]}`)
	c := api.Client(growthgenius.WithStrictDecoding())
	for _, tt := range testkit.Calls {
		want, ok := map[string]string{
			"/contacts/search": "Pagination.cursor is unknown",
			"/companies/find":  "CompanyLocation.lat is unknown",
			"/people/find":     "PersonLocation.lat is unknown",
		}[tt.Route]
		if !ok {
			continue
		}
		if _, err := tt.Do(t.Context(), c); !errors.Is(err, growthgenius.ErrDecode) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", tt.Name, err)
		}
	}
}

// TestCompanyAnsweredAsABareContact: a contact without its envelope is the contact, and not
// a company with the name of a person.
func TestCompanyAnsweredAsABareContact(t *testing.T) {
	t.Parallel()
	const sample = `{"id":1102755,"first_name":"Elon","name":"Elon Musk","email":"elon@tesla.com","linkedin_url":"in/elon","company_name":"Tesla","company_city":"Austin","website":"tesla.com","custom1":"x"}`
	look := func(body string) growthgenius.Company {
		c, err := testkit.NewAPI(t).On("GET", "/companies/find", 200, body).Client(growthgenius.WithStrictDecoding()).Enrichment.Company(t.Context(), "tesla.com")
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return *c
	}
	enveloped := look(`{"contact":` + sample + `}`)
	for _, body := range []string{sample, `{"company":` + sample + `}`} {
		c := look(body)
		if c.Name != "Tesla" || c.ID != "" || c.LinkedInURL != "" || c.Contact == nil || c.Contact.ID != "1102755" || c.Contact.Name != "Elon Musk" {
			t.Errorf("%s: %+v", body, c)
		}
		if diff := cmp.Diff(enveloped, c); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
		if again := testkit.Decode[growthgenius.Company](t, testkit.JSON(t, c)); !cmp.Equal(c, again) {
			t.Error(cmp.Diff(c, again))
		}
	}
	for _, body := range []string{
		`{"id":"tesla","name":"Tesla","email":"info@tesla.com"}`, `{"id":"tesla","name":"Tesla","size":5,"company_name":"Tesla"}`, `{"id":"tesla","name":"Tesla","location":{},"full_name":"Tesla Inc"}`,
		`{"id":"tesla","name":"Tesla","tags":["x"],"full_name":"Tesla Inc"}`, `{"id":"tesla","name":"Tesla","ticker":"TSLA","full_name":"Tesla Inc"}`,
	} {
		c, err := testkit.NewAPI(t).On("GET", "/companies/find", 200, body).Client().Enrichment.Company(t.Context(), "tesla.com")
		if err != nil || c.Name != "Tesla" || c.ID != "tesla" || c.Contact != nil {
			t.Errorf("%s: %+v, %v", body, c, err)
		}
	}
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithBareContact())
	company, err := testkit.Live(t, srv).Enrichment.Company(t.Context(), "tesla.com")
	if err != nil || company.Name != "Tesla" || company.Contact == nil {
		t.Errorf("%+v, %v", company, err)
	}
}

// TestCompanyAnsweredAsAContact: the fields of the company are set, and the contact is kept.
func TestCompanyAnsweredAsAContact(t *testing.T) {
	t.Parallel()
	c := testkit.Decode[growthgenius.Company](t, string(testkit.Sample(t, "company_find.json")))
	if diff := cmp.Diff(new(testkit.SampleLookupContact()), c.Contact); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := testkit.Decode[growthgenius.Company](t, testkit.JSON(t, c)); !cmp.Equal(c, again) {
		t.Errorf("read again: %s", cmp.Diff(c, again))
	}
}

// TestDoDecodesTolerantly: the record types of this package are as tolerant in Client.Do.
func TestDoDecodesTolerantly(t *testing.T) {
	t.Parallel()
	api := testkit.NewAPI(t).On(http.MethodGet, "/discovery/people", 200, `{"people":[{"contact":{"id":1,"title":5,"x":1}},{"id":"2"}],"more":true}`)
	var out struct{ People []growthgenius.Contact }
	if err := api.Client().Do(t.Context(), "GET", "/discovery/people", nil, nil, &out); err != nil {
		t.Fatal(err)
	}
	want := []growthgenius.Contact{{ID: "1", Title: "5", Extra: extra{"title": raw("5"), "x": raw("1")}}, {ID: "2"}}
	if diff := cmp.Diff(want, out.People); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCannedAnswer: programs test with the reference's sample, which is years old, and a
// server whose Date is that of today. It counts as the response to their create.
func TestCannedAnswer(t *testing.T) {
	t.Parallel()
	sample := testkit.Sample(t, "contact.json")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(sample) }))
	defer srv.Close()
	client := testkit.NewClient(t, testkit.Secret, growthgenius.WithBaseURL(srv.URL), growthgenius.WithUserID("1"),
		growthgenius.WithHTTPClient(srv.Client()))
	contact, err := client.Contacts.Create(t.Context(), growthgenius.ContactInput{Email: growthgenius.Set("sjobs@apple.com")})
	if err != nil || contact.ID != "1102755" {
		t.Fatalf("%+v, %v", contact, err)
	}
}

// TestUndecodable: an error of UnmarshalJSON names the type, and is never io.EOF, which ends
// a loop over values.
func TestUndecodable(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"": "unexpected EOF", " \n": "unexpected EOF", `{"id":`: "unexpected EOF", `[]`: "Contact is an object, not an array", `"a"`: "Contact is an object, not text",
		`{}{}`: "something follows the JSON value", `{"SECRET":{"a" 5}}`: "invalid character '5' after object name (expecting ':')", `{"id":1}]`: "invalid character ']'",
	} {
		err := new(growthgenius.Contact).UnmarshalJSON([]byte(data))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "SECRET") || errors.Is(err, io.EOF) {
			t.Errorf("%q: %v, want %q", data, err, want)
		}
	}
}

// TestUnmarshalersTakeAnything: UnmarshalJSON does not panic if it is called directly, with
// what no JSON library would pass.
func TestUnmarshalersTakeAnything(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", " ", `"`, `"a`, `{`, `{"id`, `{"id":`, `[`, "nul", "5x", "\x00", `{"id":1}{}`, "\xef\xbb\xbf{}"} {
		for _, v := range []interface{ UnmarshalJSON([]byte) error }{
			new(growthgenius.ID), new(growthgenius.Contact), new(growthgenius.Company), new(growthgenius.ContactPage), new(growthgenius.ContactInput), new(growthgenius.MessageInput), new(growthgenius.Optional[string]), new(growthgenius.Optional[growthgenius.ID]),
		} {
			_ = v.UnmarshalJSON(bytes.Clone([]byte(data)))
		}
	}
}
