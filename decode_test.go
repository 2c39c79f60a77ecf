package growthgenius

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type extra = map[string]json.RawMessage

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// TestOddFields: a value of a type nobody expected costs nothing but its field, is kept,
// fills the field where nothing is lost by that, and is written again.
func TestOddFields(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     any
		out      string // "" means: as it came in
	}{
		{"id as number", `{"id":12}`, Contact{ID: "12"}, ""},
		{"id as UUID", `{"id":"d54c54ad-40be-4305-8a34-0ab44710b90d"}`, Contact{ID: "d54c54ad-40be-4305-8a34-0ab44710b90d"}, ""},
		{"id as hex", `{"id":"583f2f7ed9ced98ab5bf"}`, Contact{ID: "583f2f7ed9ced98ab5bf"}, ""},
		{"id as digits", `{"id":"12","user_id":"007"}`, Contact{ID: "12", UserID: "007"}, `{"id":12,"user_id":"007"}`},
		{"id as null", `{"id":null,"name":"x"}`, Contact{Name: "x"}, `{"name":"x"}`},
		{"id as object", `{"id":{"$oid":"5"},"name":"x"}`, Contact{Name: "x", Extra: extra{"id": raw(`{"$oid":"5"}`)}}, ""},
		{"escaped id", `{"id":"\u0061\"b"}`, Contact{ID: `a"b`}, `{"id":"a\"b"}`},
		{"misspelt first name", `{"fist_name":"Elon"}`, Contact{FirstName: "Elon"}, `{"first_name":"Elon"}`},
		{"both spellings agree", `{"first_name":"Elon","fist_name":"Elon"}`, Contact{FirstName: "Elon"}, `{"first_name":"Elon"}`},
		{"both spellings differ", `{"first_name":"Elon","fist_name":"Alon"}`, Contact{FirstName: "Elon", Extra: extra{"fist_name": raw(`"Alon"`)}}, ""},
		{"misspelt beside an odd one", `{"first_name":{"a":1},"fist_name":"Elon"}`, Contact{Extra: extra{"first_name": raw(`{"a":1}`), "fist_name": raw(`"Elon"`)}}, ""},
		{"odd misspelt", `{"fist_name":5}`, Contact{Extra: extra{"fist_name": raw(`5`)}}, ""},
		{"text as number", `{"first_name":5,"last_name":"Musk"}`, Contact{FirstName: "5", LastName: "Musk", Extra: extra{"first_name": raw("5")}}, ""},
		{"text as boolean", `{"stage":true}`, Contact{Stage: "true", Extra: extra{"stage": raw("true")}}, ""},
		{"text as object", `{"title":{"name":"CEO"},"email":"a@b.c"}`, Contact{Email: "a@b.c", Extra: extra{"title": raw(`{"name":"CEO"}`)}}, ""},
		{"text as list", `{"keywords":["a","b"]}`, Contact{Extra: extra{"keywords": raw(`["a","b"]`)}}, ""},
		{"number as text", `{"email_confidence":"97"}`, Contact{EmailConfidence: ptr(97), Extra: extra{"email_confidence": raw(`"97"`)}}, ""},
		{"number as 5.0", `{"email_confidence":5.0}`, Contact{EmailConfidence: ptr(5), Extra: extra{"email_confidence": raw(`5.0`)}}, ""},
		{"number as text 5.0", `{"email_confidence":"5.0"}`, Contact{EmailConfidence: ptr(5), Extra: extra{"email_confidence": raw(`"5.0"`)}}, ""},
		{"number as 5e1", `{"email_confidence":5e1}`, Contact{EmailConfidence: ptr(50), Extra: extra{"email_confidence": raw(`5e1`)}}, ""},
		{"number as fraction", `{"email_confidence":0.97}`, Contact{Extra: extra{"email_confidence": raw(`0.97`)}}, ""},
		{"number as words", `{"email_confidence":"high"}`, Contact{Extra: extra{"email_confidence": raw(`"high"`)}}, ""},
		{"number as hex text", `{"email_confidence":"0x1p4"}`, Contact{Extra: extra{"email_confidence": raw(`"0x1p4"`)}}, ""},
		{"number as blank text", `{"email_confidence":""}`, Contact{Extra: extra{"email_confidence": raw(`""`)}}, ""},
		{"number too large", `{"email_confidence":92233720368547758080}`, Contact{Extra: extra{"email_confidence": raw(`92233720368547758080`)}}, ""},
		{"time as number", `{"created_at":1611094045,"id":1}`, Contact{ID: "1", Extra: extra{"created_at": raw(`1611094045`)}}, ""},
		{"time in other words", `{"created_at":"2021-01-19 17:06:25","id":1}`, Contact{ID: "1", Extra: extra{"created_at": raw(`"2021-01-19 17:06:25"`)}}, ""},
		{"object as text", `{"contact_account":"cold","id":1}`, Contact{ID: "1", Extra: extra{"contact_account": raw(`"cold"`)}}, ""},
		{"object as empty list", `{"contact_account":[],"id":1}`, Contact{ID: "1", Extra: extra{"contact_account": raw(`[]`)}}, ""},
		{"odd in a nested record", `{"id":1,"contact_account":{"id":[1],"status":7,"new":true}}`,
			Contact{ID: "1", ContactAccount: &ContactAccount{Status: "7", Extra: extra{"id": raw("[1]"), "status": raw("7"), "new": raw("true")}}}, ""},
		{"unknown fields", `{"id":1,"score":9.50,"tags":{"a":[1,{}]},"Extra":1,"":2}`,
			Contact{ID: "1", Extra: extra{"score": raw("9.50"), "tags": raw(`{"a":[1,{}]}`), "Extra": raw("1"), "": raw("2")}}, ""},
		{"other case is another name", `{"id":1,"First_Name":"x"}`, Contact{ID: "1", Extra: extra{"First_Name": raw(`"x"`)}}, ""},
		{"raw fields take anything", `{"lists":[1],"label_names":"a","unstructured_data":{}}`,
			Contact{Lists: raw("[1]"), LabelNames: raw(`"a"`), UnstructuredData: raw("{}")}, ""},
		{"repeated name", `{"name":"a","name":"b","x":1,"x":2}`, Contact{Name: "b", Extra: extra{"x": raw("2")}}, `{"name":"b","x":2}`},
		{"repeated name, odd last", `{"name":"a","name":[5]}`, Contact{Extra: extra{"name": raw("[5]")}}, `{"name":[5]}`},
		{"repeated name, odd first", `{"name":[5],"name":"a"}`, Contact{Name: "a"}, `{"name":"a"}`},
		{"repeated name deep inside", `{"id":1,"x":{"a":1,"a":2}}`, Contact{ID: "1", Extra: extra{"x": raw(`{"a":1,"a":2}`)}}, ""},
		{"invalid UTF-8", "{\"id\":1,\"name\":\"a\xffb\"}", Contact{ID: "1", Name: "a\ufffdb"}, "{\"id\":1,\"name\":\"a\ufffdb\"}"},
		{"lone surrogate", `{"id":1,"name":"a\ud800b"}`, Contact{ID: "1", Name: "a\ufffdb"}, "{\"id\":1,\"name\":\"a\ufffdb\"}"},
		{"wrapped", `{"contact":{"id":1,"fist_name":"Elon"}}`, Contact{ID: "1", FirstName: "Elon"}, `{"id":1,"first_name":"Elon"}`},
		{"wrapped, with other keys", `{"score":2,"contact":{"id":1,"x":3},"status":"ok"}`,
			Contact{ID: "1", Status: "ok", Extra: extra{"score": raw("2"), "x": raw("3")}}, `{"id":1,"status":"ok","score":2,"x":3}`},
		{"wrapped, with an odd value", `{"contact":{"id":1,"name":5,"lists":null}}`, Contact{ID: "1", Name: "5", Extra: extra{"name": raw("5")}}, `{"id":1,"name":5}`},
		{"wrapped, keys on both sides", `{"status":"ok","contact":{"id":1,"status":"Ongoing"}}`,
			Contact{Status: "ok", Extra: extra{"contact": raw(`{"id":1,"status":"Ongoing"}`)}}, ""},
		{"wrapped, unknown keys on both sides", `{"x":1,"contact":{"id":1,"x":2}}`,
			Contact{Extra: extra{"x": raw("1"), "contact": raw(`{"id":1,"x":2}`)}}, ""},
		{"wrapped null", `{"contact":null}`, Contact{Extra: extra{"contact": raw("null")}}, ""},
		{"a record of its own with that key", `{"id":1,"contact":{"id":2}}`, Contact{ID: "1", Extra: extra{"contact": raw(`{"id":2}`)}}, ""},

		{"wrapped message", `{"message":{"id":1,"sent_at":5}}`, Message{ID: "1", Extra: extra{"sent_at": raw("5")}}, `{"id":1,"sent_at":5}`},
		{"wrapped user", `{"user":{"id":1}}`, User{ID: "1"}, `{"id":1}`},
		{"texts with a number", `{"roles":["admin",5]}`, User{Roles: []string{"admin", "5"}, Extra: extra{"roles": raw(`["admin",5]`)}}, ""},
		{"texts with an object", `{"roles":["admin",{}]}`, User{Extra: extra{"roles": raw(`["admin",{}]`)}}, ""},
		{"texts with null", `{"roles":["admin",null]}`, User{Roles: []string{"admin", ""}}, `{"roles":["admin",""]}`},
		{"one text for a list", `{"roles":"admin"}`, User{Extra: extra{"roles": raw(`"admin"`)}}, ""},

		{"wrapped company", `{"company":{"name":"Tesla","size":"12"}}`,
			Company{Name: "Tesla", Size: ptr(12), Extra: extra{"size": raw(`"12"`)}}, `{"name":"Tesla","size":"12"}`},
		{"wrapped company beside a type", `{"industry":"cars","company":{"id":"tesla"}}`, Company{ID: "tesla", Industry: "cars"}, `{"id":"tesla","industry":"cars"}`},
		{"company location as text", `{"id":"x","location":"Austin"}`, Company{ID: "x", Extra: extra{"location": raw(`"Austin"`)}}, ""},
		{"company id as number", `{"id":5}`, Company{ID: "5", Extra: extra{"id": raw("5")}}, ""},
		{"wrapped person", `{"person":{"id":"x","skills":[1]}}`, Person{ID: "x", Skills: []string{"1"}, Extra: extra{"skills": raw("[1]")}}, `{"id":"x","skills":[1]}`},
		{"odd deep in a person", `{"id":"x","experience":[{"company":{"founded":2003,"location":{"geo":[1,2],"new":1}},"is_primary":"true"},{"title":{"levels":"cxo"}}]}`,
			Person{ID: "x", Experience: []Experience{
				{
					Company: &ExperienceCompany{
						Founded:  "2003",
						Location: &PersonLocation{Extra: extra{"geo": raw("[1,2]"), "new": raw("1")}},
						Extra:    extra{"founded": raw("2003")},
					},
					IsPrimary: true, Extra: extra{"is_primary": raw(`"true"`)},
				},
				{Title: &JobTitle{Extra: extra{"levels": raw(`"cxo"`)}}},
			}}, ""},
		{"a text among objects", `{"id":"x","emails":[{"address":"a@b.c"},"d@e.f"]}`,
			Person{ID: "x", Emails: nil, Extra: extra{"emails": raw(`[{"address":"a@b.c"},"d@e.f"]`)}}, ""},
		{"null among objects", `{"id":"x","emails":[null,{"address":"a@b.c"}]}`,
			Person{ID: "x", Emails: []PersonEmail{{}, {Address: "a@b.c"}}}, `{"id":"x","emails":[{},{"address":"a@b.c"}]}`},
		{"odd in a page", `{"contacts":[{"id":1}],"pagination":{"page":"2","total_pages":null},"breadcrumbs":[{"value":5,"x":1}],"partial_results_only":"false"}`,
			ContactPage{
				Contacts: []Contact{{ID: "1"}}, Pagination: Pagination{Page: 2, Extra: extra{"page": raw(`"2"`)}},
				Breadcrumbs: []Breadcrumb{{Value: "5", Extra: extra{"value": raw("5"), "x": raw("1")}}},
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
			out := mustJSON(t, got)
			if !sameJSON(t, want, out) {
				t.Errorf("written as %s, want %s", out, want)
			}
			again := decodeLike(t, tt.want, out)
			if text := mustJSON(t, again); text != out {
				t.Errorf("%s becomes %s when read and written again", out, text)
			}
		})
	}
}

// TestNothingOfAFormerValueIsLeft: a variable may be used twice.
func TestNothingOfAFormerValueIsLeft(t *testing.T) {
	t.Parallel()
	for _, next := range []string{`{"id":2}`, `{"id":2,"title":[]}`, `{"contact":{"id":2}}`} {
		c := mustDecode[Contact](t, `{"id":1,"name":"x","email_confidence":5,"contact_account":{"id":1},"new":1,"email":5}`)
		if err := json.Unmarshal([]byte(next), &c); err != nil {
			t.Fatal(err)
		}
		delete(c.Extra, "title")
		if len(c.Extra) == 0 {
			c.Extra = nil
		}
		if diff := cmp.Diff(Contact{ID: "2"}, c); diff != "" {
			t.Errorf("%s: %s", next, diff)
		}
	}
}

// TestEnvelopes: every way in which records may stand in an answer.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	const one, two = `{"id":1,"email":"a@example.com"}`, `{"id":2,"title":5}`
	first := Contact{ID: "1", Email: "a@example.com"}
	second := Contact{ID: "2", Title: "5", Extra: extra{"title": raw("5")}}
	for _, tt := range []struct {
		name, body string
		want       []Contact
	}{
		{"flat", `{"contacts":[` + one + `,` + two + `]}`, []Contact{first, second}},
		{"wrapped", `{"contacts":[{"contact":` + one + `},{"contact":` + two + `}]}`, []Contact{first, second}},
		{"mixed, with blanks", " {\n \"contacts\" : [ " + two + " ,\t{\"contact\" : " + two + " } , " + one + " ] } \n", []Contact{second, second, first}},
		{"singular", `{"contact":` + one + `}`, []Contact{first}},
		{"singular list", `{"contact":[` + one + `,` + two + `]}`, []Contact{first, second}},
		{"plural object", `{"contacts":` + one + `}`, []Contact{first}},
		{"plural object, wrapped", `{"contacts":{"contact":` + two + `}}`, []Contact{second}},
		{"empty", `{"contacts":[]}`, []Contact{}},
		{"keys before and after", `{"meta":{"contacts":[1]},"contacts":[` + one + `],"next":null,"x":[[]]}`, []Contact{first}},
		{"null among them", `{"contacts":[null,` + one + `,null]}`, []Contact{first}},
		{"both keys", `{"contact":` + one + `,"contacts":[` + two + `]}`, []Contact{first, second}},
		{"odd all over", `{"contacts":[{"id":1,"title":[{"a":"}"}],"contact_account":"]","email":"a@example.com"},` + two + `]}`, []Contact{
			{ID: "1", Email: "a@example.com", Extra: extra{"title": raw(`[{"a":"}"}]`), "contact_account": raw(`"]"`)}}, second,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := newMockAPI(t).on("GET", "/contacts", 200, tt.body)
			got, err := api.client().Contacts.List(t.Context(), ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !slices.ContainsFunc(tt.want, func(c Contact) bool { return c.ID == "1" }) {
				return
			}
			// A call for one record finds it in all of these shapes too.
			api.on("GET", "/contacts/1", 200, tt.body)
			c, err := api.client().Contacts.Get(t.Context(), "1")
			if err != nil {
				t.Fatal(err)
			}
			if c.ID != "1" || c.Email != "a@example.com" {
				t.Errorf("Get returns %+v", c)
			}
		})
	}
}

// TestEveryResourceDecodesEveryShape is the same for the other resources, in brief.
func TestEveryResourceDecodesEveryShape(t *testing.T) {
	t.Parallel()
	for _, item := range []string{`{"id":393642}`, `{"message":{"id":"393642"}}`} {
		for _, body := range []string{`{"message":%s}`, `{"messages":%s}`, `{"message":[%s]}`, `{"messages":[%s]}`} {
			api := newMockAPI(t).on("GET", "/messages/393642", 200, fmt.Sprintf(body, item))
			if m, err := api.client().Messages.Get(t.Context(), "393642"); err != nil || m.ID != "393642" {
				t.Errorf(body+": %v, %v", item, m, err)
			}
		}
	}
	for _, item := range []string{`{"id":1}`, `{"user":{"id":1}}`} {
		for _, body := range []string{`{"user":%s}`, `{"users":%s}`, `{"user":[%s]}`, `{"users":[%s]}`} {
			api := newMockAPI(t).on("GET", "/users", 200, fmt.Sprintf(body, item))
			if u, err := api.client().Users.Current(t.Context()); err != nil || u.ID != "1" {
				t.Errorf(body+": %v, %v", item, u, err)
			}
		}
	}
}

// TestOddFieldsAreLoggedOnce: one warning for each field, whichever record has it.
func TestOddFieldsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	var out logs
	body := `{"contacts":[{"id":1,"title":5,"new":1},{"id":2,"title":[6]},{"id":3,"contact_account":{"new":2}},null],"meta":{}}`
	api := newMockAPI(t).on("GET", "/contacts", 200, body)
	c := api.client(WithLogger(out.logger()))
	for range 3 {
		if _, err := c.ForUser("2").Contacts.List(t.Context(), ListOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"Contact.new is unknown (a number); its value is kept",
		"Contact.title has an unexpected type (a number); its value is kept",
		"ContactAccount.new is unknown (a number); its value is kept",
		"the answer.contacts[] is unknown (null); it is ignored",
		"the answer.meta is unknown (an object); it is ignored",
	}
	got := out.warnings(t)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(out.String(), "/contacts?") || strings.Contains(out.String(), "user_id") {
		t.Errorf("the query is logged: %s", out.String())
	}
}

// TestOddFieldNamesAreBounded: what is remembered and logged of a name cannot be made
// large or garble a terminal.
func TestOddFieldNamesAreBounded(t *testing.T) {
	t.Parallel()
	var out logs
	long := strings.Repeat("n", 1<<17)
	api := newMockAPI(t).on("GET", "/contacts/1", 200, `{"contact":{"id":1,"\u001b[31m":1,"`+long+`":2}}`)
	c := api.client(WithLogger(out.logger()))
	if _, err := c.Contacts.Get(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); len(text) > 4096 || strings.ContainsRune(strings.Join(out.warnings(t), ""), 0x1b) {
		t.Errorf("%d bytes are logged: %.300q", len(text), text)
	}
	for o := range c.caller.core.oddities.seen {
		if len(o.field) > 2*maxFieldName {
			t.Errorf("a name of %d bytes is remembered", len(o.field))
		}
	}
	_, err := api.client(WithStrictDecoding()).Contacts.Get(t.Context(), "1")
	if err == nil || strings.ContainsRune(err.Error(), 0x1b) {
		t.Errorf("strict: %.300q", err)
	}
}

// TestStrictDecoding: each oddity is an error, and for a create one that does not say
// that it failed.
func TestStrictDecoding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ body, want string }{
		{`{"contact":{"id":1102755,"title":5}}`, "Contact.title has an unexpected type (a number)"},
		{`{"contact":{"id":1102755,"new":null}}`, "Contact.new is unknown (null)"},
		{`{"contact":{"id":1102755,"contact_account":{"x":[]}}}`, "ContactAccount.x is unknown (an array)"},
		{`{"contact":{"id":1102755},"meta":1}`, "the answer.meta is unknown (a number)"},
		{`{"contacts":[null,{"id":1102755}]}`, "the answer.contacts[] is unknown (null)"},
	} {
		api := newMockAPI(t).on("GET", "/contacts/1102755", 200, tt.body).on("POST", "/contacts", 200, tt.body)
		c := api.client(WithStrictDecoding())
		_, err := c.Contacts.Get(t.Context(), "1102755")
		if !errors.Is(err, ErrDecode) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.body, err)
		}
		_, err = c.Contacts.Create(t.Context(), ContactInput{Name: Set("x")})
		if !errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrDecode) {
			t.Errorf("create, %s: %v", tt.body, err)
		}
	}
	for _, tt := range apiCalls { // and what the reference shows passes
		body := map[string]string{
			"/users": "users.json", "/contacts": "contacts.json", "/contacts/{id}": "contact.json", "/messages": "messages.json",
			"/messages/{id}": "message.json", "/companies/find": "company.json", "/people/find": "person.json",
		}[tt.route]
		if body == "" || tt.creates {
			continue // the search sample has a key "//"
		}
		api := newMockAPI(t).on(tt.method, tt.path, 200, string(sample(t, body)))
		if _, err := tt.do(t.Context(), api.client(WithStrictDecoding()), NoRetry()); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestStrayStrictPage: pages and lookups are strict at every depth too.
func TestStrictDecodingOfWholeAnswers(t *testing.T) {
	t.Parallel()
	api := newMockAPI(t).
		on("POST", "/contacts/search", 200, `{"contacts":[{"contact":{"id":1}}],"pagination":{"cursor":"x"}}`).
		on("GET", "/companies/find", 200, `{"id":"x","location":{"lat":1}}`).
		on("GET", "/people/find", 200, `{"id":"x","education":[{"school":{"location":{"lat":1}}}]}`)
	c := api.client(WithStrictDecoding())
	for _, tt := range apiCalls {
		want, ok := map[string]string{
			"/contacts/search": "Pagination.cursor is unknown",
			"/companies/find":  "CompanyLocation.lat is unknown",
			"/people/find":     "PersonLocation.lat is unknown",
		}[tt.route]
		if !ok {
			continue
		}
		if _, err := tt.do(t.Context(), c); !errors.Is(err, ErrDecode) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestCompanyAnsweredAsAContact: the company's fields are filled and the contact kept.
func TestCompanyAnsweredAsAContact(t *testing.T) {
	t.Parallel()
	c := mustDecode[Company](t, string(sample(t, "company_find.json")))
	if diff := cmp.Diff(ptr(wantLookupContact()), c.Contact); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := mustDecode[Company](t, mustJSON(t, c)); !cmp.Equal(c, again) {
		t.Errorf("read again: %s", cmp.Diff(c, again))
	}
}

// TestDoDecodesTolerantly: types of this package are as patient in a raw call.
func TestDoDecodesTolerantly(t *testing.T) {
	t.Parallel()
	api := newMockAPI(t).on(http.MethodGet, "/discovery/people", 200, `{"people":[{"contact":{"id":1,"title":5,"x":1}},{"id":"2"}],"more":true}`)
	var out struct{ People []Contact }
	if err := api.client().Do(t.Context(), "GET", "/discovery/people", nil, nil, &out); err != nil {
		t.Fatal(err)
	}
	want := []Contact{{ID: "1", Title: "5", Extra: extra{"title": raw("5"), "x": raw("1")}}, {ID: "2"}}
	if diff := cmp.Diff(want, out.People); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPhones(t *testing.T) {
	t.Parallel()
	c := Contact{FirstPhone: " 1 ", WorkPhone: "nan", CorporatePhone: "2", MobilePhone: "NaN", HomePhone: "NULL", OtherPhone: "1"}
	if got := c.Phones(); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("%q", got)
	}
	if got := (&Contact{}).Phones(); got != nil {
		t.Errorf("%q", got)
	}
}
