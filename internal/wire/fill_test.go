package wire_test

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// TestOddFields: a value of an unexpected type fails only its field, is kept, fills the field
// if nothing is lost by that, and is written again.
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
		{"misspelled first name", `{"fist_name":"Elon"}`, Contact{FirstName: "Elon"}, `{"first_name":"Elon"}`},
		{"both spellings agree", `{"first_name":"Elon","fist_name":"Elon"}`, Contact{FirstName: "Elon"}, `{"first_name":"Elon"}`},
		{"both spellings differ", `{"first_name":"Elon","fist_name":"Alon"}`, Contact{FirstName: "Elon", Extra: extra{"fist_name": raw(`"Alon"`)}}, ""},
		{"misspelled beside an odd one", `{"first_name":{"a":1},"fist_name":"Elon"}`, Contact{Extra: extra{"first_name": raw(`{"a":1}`), "fist_name": raw(`"Elon"`)}}, ""},
		{"odd misspelled", `{"fist_name":5}`, Contact{Extra: extra{"fist_name": raw(`5`)}}, ""},
		{"text as number", `{"first_name":5,"last_name":"Musk"}`, Contact{FirstName: "5", LastName: "Musk", Extra: extra{"first_name": raw("5")}}, ""},
		{"text as boolean", `{"stage":true}`, Contact{Stage: "true", Extra: extra{"stage": raw("true")}}, ""},
		{"text as object", `{"title":{"name":"CEO"},"email":"a@b.c"}`, Contact{Email: "a@b.c", Extra: extra{"title": raw(`{"name":"CEO"}`)}}, ""},
		{"text as list", `{"keywords":["a","b"]}`, Contact{Extra: extra{"keywords": raw(`["a","b"]`)}}, ""},
		{"number as text", `{"email_confidence":"97"}`, Contact{EmailConfidence: ptr(97), Extra: extra{"email_confidence": raw(`"97"`)}}, ""},
		{"number as 5.0", `{"email_confidence":5.0}`, Contact{EmailConfidence: ptr(5), Extra: extra{"email_confidence": raw(`5.0`)}}, ""},
		{"number as text 5.0", `{"email_confidence":"5.0"}`, Contact{EmailConfidence: ptr(5), Extra: extra{"email_confidence": raw(`"5.0"`)}}, ""},
		{"number as 5e1", `{"email_confidence":5e1}`, Contact{EmailConfidence: ptr(50), Extra: extra{"email_confidence": raw(`5e1`)}}, ""},
		{"number as -0", `{"email_confidence":-0}`, Contact{EmailConfidence: ptr(0), Extra: extra{"email_confidence": raw(`-0`)}}, ""},
		{"number as fraction", `{"email_confidence":0.97}`, Contact{Extra: extra{"email_confidence": raw(`0.97`)}}, ""},
		{"number as words", `{"email_confidence":"high"}`, Contact{Extra: extra{"email_confidence": raw(`"high"`)}}, ""},
		{"number as hex text", `{"email_confidence":"0x1p4"}`, Contact{Extra: extra{"email_confidence": raw(`"0x1p4"`)}}, ""},
		{"number as blank text", `{"email_confidence":""}`, Contact{Extra: extra{"email_confidence": raw(`""`)}}, ""},
		{"number too large", `{"email_confidence":92233720368547758080}`, Contact{Extra: extra{"email_confidence": raw(`92233720368547758080`)}}, ""},
		{"time as number", `{"created_at":1611094045,"id":1}`, Contact{ID: "1", Extra: extra{"created_at": raw(`1611094045`)}}, ""},
		{"time in other words", `{"created_at":"2021-01-19 17:06:25","id":1}`, Contact{ID: "1", Extra: extra{"created_at": raw(`"2021-01-19 17:06:25"`)}}, ""},
		{"time that only package time accepts", `{"created_at":"2021-01-19T1:00:00.5Z","updated_at":"2021-01-19T12:00:00,5Z","id":1}`,
			Contact{ID: "1", Extra: extra{"created_at": raw(`"2021-01-19T1:00:00.5Z"`), "updated_at": raw(`"2021-01-19T12:00:00,5Z"`)}}, ""},
		{"time in a zone that is none", `{"created_at":"2021-01-19T12:00:00+24:00","updated_at":"2021-01-19T12:00:00-00:60","id":1}`,
			Contact{ID: "1", Extra: extra{"created_at": raw(`"2021-01-19T12:00:00+24:00"`), "updated_at": raw(`"2021-01-19T12:00:00-00:60"`)}}, ""},
		{"time in a far zone", `{"created_at":"2021-01-19T12:00:00.50+23:59"}`,
			Contact{CreatedAt: time.Date(2021, 1, 19, 12, 0, 0, 5e8, time.FixedZone("", 23*3600+59*60))}, `{"created_at":"2021-01-19T12:00:00.5+23:59"}`},
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
		{"invalid UTF-8", "{\"id\":1,\"name\":\"a\xffb\"}", Contact{ID: "1", Extra: extra{"name": raw("\"a\xffb\"")}}, ""},
		{"lone surrogate", `{"id":1,"name":"a\ud800b"}`, Contact{ID: "1", Extra: extra{"name": raw(`"a\ud800b"`)}}, ""},
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
		{"wrapped company beside a field of its own", `{"size":3,"company":{"id":"tesla","x":1},"y":2}`,
			Company{ID: "tesla", Size: ptr(3), Extra: extra{"x": raw("1"), "y": raw("2")}}, `{"id":"tesla","size":3,"x":1,"y":2}`},
		{"a company with a name and a key like its wrapper", `{"name":"Tesla","company":{"id":"tesla"}}`,
			Company{Name: "Tesla", Extra: extra{"company": raw(`{"id":"tesla"}`)}}, ""},
		{"a record in a record, wrapped", `{"name":"Tesla","contact":{"contact":{"id":1,"fist_name":"Elon"}}}`,
			Company{Name: "Tesla", Contact: &Contact{ID: "1", FirstName: "Elon"}}, `{"name":"Tesla","contact":{"id":1,"first_name":"Elon"}}`},
		{"no traits, no wrapper", `{"location":{"name":"Austin"}}`, Location{Extra: extra{"location": raw(`{"name":"Austin"}`)}}, ""},
		{"wrapped person", `{"person":{"id":"x","skills":[1]}}`, Person{ID: "x", Skills: []string{"1"}, Extra: extra{"skills": raw("[1]")}}, `{"id":"x","skills":[1]}`},
		{"odd deep in a person", `{"id":"x","experience":[{"company":{"founded":2003,"location":{"geo":[1,2],"new":1}},"is_primary":"true"},{"title":{"levels":"cxo"}}]}`,
			Person{ID: "x", Experience: []Experience{
				{
					Company: &Employer{
						Founded:  "2003",
						Location: &Location{Extra: extra{"geo": raw("[1,2]"), "new": raw("1")}},
						Extra:    extra{"founded": raw("2003")},
					},
					IsPrimary: true, Extra: extra{"is_primary": raw(`"true"`)},
				},
				{Title: &Title{Extra: extra{"levels": raw(`"cxo"`)}}},
			}}, `{"id":"x","experience":[{"company":{"founded":2003,"location":{"geo":[1,2],"new":1}},"is_primary":"true"},{"title":{"levels":"cxo"},"is_primary":false}]}`},
		{"a text among objects", `{"id":"x","emails":[{"address":"a@b.c"},"d@e.f"]}`,
			Person{ID: "x", Emails: nil, Extra: extra{"emails": raw(`[{"address":"a@b.c"},"d@e.f"]`)}}, ""},
		{"null among objects", `{"id":"x","emails":[null,{"address":"a@b.c"}]}`,
			Person{ID: "x", Emails: []Email{{}, {Address: "a@b.c"}}}, `{"id":"x","emails":[{},{"address":"a@b.c"}]}`},
		{"odd in a page", `{"contacts":[{"id":1}],"pagination":{"page":"2","total_entries":null},"num_fetch_result":[5],"partial_results_only":"false"}`,
			Page{
				Contacts: []Contact{{ID: "1"}}, Pagination: Pagination{Page: 2, Extra: extra{"page": raw(`"2"`)}},
				NumFetchResult: raw("[5]"), Extra: extra{"partial_results_only": raw(`"false"`)},
			}, `{"contacts":[{"id":1}],"pagination":{"page":"2"},"num_fetch_result":[5],"partial_results_only":"false"}`},
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

// TestNothingOfAFormerValueIsLeft: a variable may be decoded into twice.
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

// TestNull: null is no value of a record, and changes nothing.
func TestNull(t *testing.T) {
	t.Parallel()
	c := Contact{ID: "1", Extra: extra{"x": raw("1")}}
	if err := c.UnmarshalJSON([]byte(" null\n")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Contact{ID: "1", Extra: extra{"x": raw("1")}}, c); diff != "" {
		t.Error(diff)
	}
}

// TestAliases: a misspelled key fills the field that is meant, whatever the field's type, and
// whichever of several keys came.
func TestAliases(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]aliased{
		`{"nmae":"x","cuont":5,"at_":"2021-01-19T17:06:25Z"}`: {Name: "x", Count: ptr(5), At: time.Date(2021, 1, 19, 17, 6, 25, 0, time.UTC)},
		`{"nmae":null,"cuont":null}`:                          {},
		`{"naem":"x","nmae":"x"}`:                             {Name: "x"},
		`{"naem":"x","nmae":"y"}`:                             {Name: "x", Extra: extra{"nmae": raw(`"y"`)}},
		`{"count":5,"cuont":5}`:                               {Count: ptr(5)},
		`{"count":5,"cuont":6,"nmae":"x"}`:                    {Name: "x", Count: ptr(5), Extra: extra{"cuont": raw("6")}},
		`{"count":5,"cuont":null}`:                            {Count: ptr(5), Extra: extra{"cuont": raw("null")}},
		`{"cuont":"5"}`:                                       {Extra: extra{"cuont": raw(`"5"`)}},
		`{"count":"5","cuont":5}`:                             {Count: ptr(5), Extra: extra{"count": raw(`"5"`), "cuont": raw("5")}},
		`{"id":"1","alias":{"nmae":"x"}}`:                     {Extra: extra{"id": raw(`"1"`), "alias": raw(`{"nmae":"x"}`)}},
		`{"alias":{"nmae":"x"}}`:                              {Name: "x"},
	} {
		if diff := cmp.Diff(want, mustDecode[aliased](t, in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

// aliased has a wrapper but no Named, so only a wrapper without other keys is removed.
type aliased struct {
	Name  string    `json:"name,omitzero"`
	Count *int      `json:"count,omitzero"`
	At    time.Time `json:"at,omitzero"`
	Extra extra     `json:",embed,unknown"`
}

var _ = wire.Describe(wire.Traits[aliased]{
	Wrapper: "alias", Alias: map[string]string{"nmae": "name", "naem": "name", "cuont": "count", "at_": "at"},
})

func (a *aliased) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, a) }

// TestRows: a map takes an object as it is, and removes a wrapper of any name.
func TestRows(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Row{
		`{}`:                               {},
		`{"id":1,"name":[ "x" ]}`:          {"id": raw("1"), "name": raw(`[ "x" ]`)},
		`{"a":1,"\u0061":2,"\"":3}`:        {"a": raw("2"), `"`: raw("3")},
		`{"contact":{"id":1}}`:             {"id": raw("1")},
		`{"anything":{"x":null}}`:          {"x": raw("null")},
		`{"contact":{"contact":{"id":1}}}`: {"contact": raw(`{"id":1}`)},
		`{"contact":{"id":1},"x":2}`:       {"contact": raw(`{"id":1}`), "x": raw("2")},
		`{"id":{"id":1}}`:                  {"id": raw(`{"id":1}`)},
		`{"contact":[{"id":1}]}`:           {"contact": raw(`[{"id":1}]`)},
		`{"contact":{}}`:                   {},
		`{"contact":null}`:                 {"contact": raw("null")},
	} {
		row := Row{"former": raw("1")}
		if err := wire.UnmarshalRecord([]byte(in), &row); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if diff := cmp.Diff(want, row); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
		var plain map[string]json.RawMessage // the same for a type without a name
		if err := wire.UnmarshalRecord([]byte(in), &plain); err != nil || !reflect.DeepEqual(map[string]json.RawMessage(want), plain) {
			t.Errorf("%s: %s, %v", in, plain, err)
		}
	}
}

// TestOtherTypes: fields of further types are decoded by the JSON library, or kept raw.
func TestOtherTypes(t *testing.T) {
	t.Parallel()
	type other struct {
		Ratio  float64           `json:"ratio,omitzero"`
		Labels map[string]string `json:"labels,omitzero"`
		Counts []int             `json:"counts,omitzero"`
		Flags  []bool            `json:"flags,omitzero"`
		Extra  extra             `json:",embed,unknown"`
	}
	for in, want := range map[string]other{
		`{"ratio":0.5,"labels":{"a":"b"},"counts":[1,"2",null,3.0],"flags":[true,"false"]}`: {
			Ratio: 0.5, Labels: map[string]string{"a": "b"}, Counts: []int{1, 2, 0, 3}, Flags: []bool{true, false},
			Extra: extra{"counts": raw(`[1,"2",null,3.0]`), "flags": raw(`[true,"false"]`)},
		},
		`{"ratio":"0.5","labels":5,"counts":[1,2.5],"flags":["yes"]}`: {
			Extra: extra{"ratio": raw(`"0.5"`), "labels": raw("5"), "counts": raw("[1,2.5]"), "flags": raw(`["yes"]`)},
		},
		`{"counts":[],"flags":null}`: {Counts: []int{}},
	} {
		var got other
		if err := wire.UnmarshalRecord([]byte(in), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

// TestNestedWrappers: removing each of many wrappers would take quadratic time.
func TestNestedWrappers(t *testing.T) {
	t.Parallel()
	const deep = 9000
	var cost [2]time.Duration
	for i, key := range []string{"other", "contact"} { // unknown keys are the measure
		data := []byte(strings.Repeat(`{"`+key+`":`, deep) + `{"id":1}` + strings.Repeat("}", deep))
		begun := time.Now()
		for range 3 {
			var c Contact
			if err := c.UnmarshalJSON(data); err != nil {
				t.Fatal(err)
			}
			if c.ID != "" {
				t.Errorf("%s: id %q", key, c.ID)
			}
		}
		cost[i] = time.Since(begun)
	}
	if cost[1] > 100*cost[0]+100*time.Millisecond {
		t.Errorf("%d wrappers take %s, unknown keys %s", deep, cost[1], cost[0])
	}
}

// TestListsInRecords: the memory of a list in a record is bounded, at any depth of the record,
// and whether its elements are odd or not.
func TestListsInRecords(t *testing.T) {
	t.Parallel()
	if testkit.Race {
		t.Skip("it is about memory")
	}
	listOf := func(elem string, n int) string { return "[" + strings.Repeat(elem+",", n) + elem + "]" }
	contacts, people := int(wire.InList(reflect.TypeFor[Contact]().Size())), int(wire.InList(reflect.TypeFor[Experience]().Size()))
	const bound = 64 << 20
	enough, tooMany := listOf("{}", bound/contacts-100), listOf("{}", bound/contacts+100)
	var p Page
	if err := p.UnmarshalJSON([]byte(`{"contacts":` + enough + `}`)); err != nil || len(p.Contacts) != bound/contacts-99 {
		t.Errorf("%d contacts, %v", len(p.Contacts), err)
	}
	for _, body := range []string{
		`{"contacts":` + tooMany + `}`,
		`{"contacts":` + tooMany + `,"contacts":[],"pagination":{"page":1}}`,
		`{"contacts":` + tooMany[:len(tooMany)-1] + `,5]}`,
		`{"contacts":[` + strings.Repeat("{},", bound/contacts*2/3) + `5]}`,     // which is decoded twice
		`{"contacts":` + tooMany + `,"x":"` + strings.Repeat("x", 8<<20) + `"}`, // what follows does not count
	} {
		err := new(Page).UnmarshalJSON([]byte(body))
		if !errors.Is(err, errs.ErrResponseTooLarge) || !strings.HasSuffix(err.Error(), "much larger in memory than in the response") {
			t.Errorf("%.40s: %v", body, err)
		}
	}
	const wrapped = `{"id":"","person":{"emails":[{"address":"a@b.c"}],"experience":`
	many := listOf("{}", bound/people+100)
	for _, body := range []string{
		wrapped + many + `}}`, `{"person":{"experience":` + many + `}}`,
		`{"emails":` + listOf(`{"a":1}`, 200_000) + `}`, // each has a map
	} {
		if err := new(Person).UnmarshalJSON([]byte(body)); !errors.Is(err, errs.ErrResponseTooLarge) {
			t.Errorf("%.40s: %v", body, err)
		}
	}
	body := `{"companies":` + listOf(`{"contact":{}}`, bound/int(reflect.TypeFor[Contact]().Size())) + `}` // each has a pointer
	if err := wire.UnmarshalRecord([]byte(body), new(companies)); !errors.Is(err, errs.ErrResponseTooLarge) {
		t.Error(err)
	}
	// What is large in JSON may be large in memory, too.
	large := listOf(`{"name":"`+strings.Repeat("x", contacts/wire.RecordGrowth)+`"}`, bound/contacts+100)
	if err := p.UnmarshalJSON([]byte(`{"contacts":` + large + `}`)); err != nil {
		t.Error(err)
	}
}

// companies is a list of records that hold others behind a pointer.
type companies struct {
	Companies []Company `json:"companies,omitzero"`
	Extra     extra     `json:",embed,unknown"`
}

// TestWrapperInAWrapper: only one wrapper is removed, whether other keys are beside it or not.
func TestWrapperInAWrapper(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Company{
		`{"company":{"company":{"id":"x"}}}`:          {Extra: extra{"company": raw(`{"id":"x"}`)}},
		`{"company":{"company":{"id":"x"}},"y":1}`:    {Extra: extra{"company": raw(`{"id":"x"}`), "y": raw("1")}},
		`{"company":{"y":1,"company":{}},"size":2}`:   {Size: ptr(2), Extra: extra{"company": raw(`{}`), "y": raw("1")}},
		`{"company":{"company":{"id":"x"},"id":"y"}}`: {ID: "y", Extra: extra{"company": raw(`{"id":"x"}`)}},
	} {
		if diff := cmp.Diff(want, mustDecode[Company](t, in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

// TestUndecodable: an error of UnmarshalJSON says what was to be decoded, and is never the
// io.EOF that ends a loop over values.
func TestUndecodable(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"": "unexpected EOF", " \n": "unexpected EOF", `{"id":`: "unexpected EOF",
		`[]`: "Contact is an object, not an array", `"a"`: "Contact is an object, not text",
		`{}{}`:               "something follows the JSON value",
		`{"SECRET":{"a" 5}}`: "invalid character '5' after object name (expecting ':')",
		`{"id":1}]`:          "invalid character ']'",
	} {
		err := new(Contact).UnmarshalJSON([]byte(data))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "SECRET") || errors.Is(err, io.EOF) {
			t.Errorf("%q: %v, want %q", data, err, want)
		}
	}
}

// TestRoundedNumbers: a number that some program has rounded, or would round, does not fill an
// integer, and is kept as it came.
func TestRoundedNumbers(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]*int{
		"5.0": ptr(5), "5e2": ptr(500), "9007199254740992.0": ptr(1 << 53), "-5.0": ptr(-5),
		"9007199254740993.0": nil, "4.9999999999999999999": nil, "5.5": nil, "1e30": nil, "9.007199254740993e15": nil,
	} {
		for _, raw := range []string{number, `"` + number + `"`} {
			var c Company
			if err := c.UnmarshalJSON([]byte(`{"size":` + raw + `}`)); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(c.Size, want) || string(c.Extra["size"]) != raw {
				t.Errorf("%s: %v, %s", raw, c.Size, c.Extra["size"])
			}
		}
	}
}

// TestRoom: a list has room for as many elements as there are, if they are all as long, unless
// they take too much.
func TestRoom(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n              int
		read, response int64
		size           uintptr
		want           int
	}{
		{0, 0, 1000, 8, 1},
		{1, 100, 200, 8, 3},
		{1, 100, 100_000, 8, 4}, // at most four times as many
		{100, 10_000, 30_000, 8, 301},
		{100, 30_000, 30_000, 8, 126},                            // they were shorter than it seemed
		{1 << 20, 3 << 20, 60 << 20, 1 << 10, 1<<20 + 1<<18 + 1}, // 64 MB of empty objects
		{1 << 15, 1 << 20, 60 << 20, 1 << 10, 1 << 16},
	} {
		if got := wire.Room(tt.n, tt.read, tt.response, tt.size); got != tt.want {
			t.Errorf("%+v: room for %d", tt, got)
		}
	}
}

// TestMembersOfRecords: the memory of the unknown keys of a record is bounded, and so is that of
// a map of raw values. What is over the bound is not stored.
func TestMembersOfRecords(t *testing.T) {
	t.Parallel()
	if testkit.Race {
		t.Skip("it is about memory")
	}
	const bound = 64 << 20 / 100
	members := func(n int) string {
		text := []byte(`"":1`)
		for i := range n {
			text = append(strconv.AppendInt(append(text, `,"_`...), int64(i), 36), `":1`...)
		}
		return string(text)
	}
	enough, tooMany := members(bound-1000), members(bound*5/4)
	var record Contact
	var row map[string]json.RawMessage
	for name, tt := range map[string]struct {
		body string
		into any
		fits bool
	}{
		"record":       {`{"contact":{` + enough + `}}`, &record, true},
		"large record": {`{"contact":{` + tooMany + `}}`, &record, false},
		"large map":    {`{"contact":{` + tooMany + `}}`, &row, false},
	} {
		record, row = Contact{}, nil
		r := wire.NewReader([]byte(tt.body), contactEnvelope, noStray)
		_, err := r.Next(func() any { return tt.into })
		r.Done()
		stored := len(record.Extra) + len(row)
		switch {
		case tt.fits && (err != nil || stored != bound-999):
			t.Errorf("%s: %d members, %v", name, stored, err)
		case !tt.fits && (!errors.Is(err, errs.ErrResponseTooLarge) || stored > bound+10):
			t.Errorf("%s: %d members are stored, %v", name, stored, err)
		}
	}
}
