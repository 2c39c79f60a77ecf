package growthgenius_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// addSamples adds the records in testdata to the seeds, and some with unexpected values.
func addSamples(f *testing.F, files ...string) {
	f.Helper()
	for _, file := range files {
		f.Add(testkit.Sample(f, file))
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(testkit.Sample(f, file), &doc); err != nil {
			f.Fatal(err)
		}
		for _, value := range doc {
			f.Add([]byte(value))
		}
	}
	for _, odd := range []string{
		`{}`, `null`, `[]`, `{"id":{"a":[1,2]},"name":5,"":null}`, `{"contact":{"id":1,"fist_name":"x"},"x":2}`, `{"user":{"id":"007"},"roles":[1]}`,
		`{"message":{"id":-1},"sent_at":""}`, `{"company":{"size":"5.0"},"location":5}`, `{"person":{"experience":[{"company":[]}]},"emails":[null,5]}`,
		`{"contacts":[{"contact":{}},null,5],"pagination":{"page":"1"}}`, "{\"name\":\"\xff\",\"x\xff\":1}", `{"name":1,"name":"a","x":{"a":1,"a":2}}`,
	} {
		f.Add([]byte(odd))
	}
	for _, odd := range oddJSON {
		f.Add([]byte(odd))
	}
}

// fuzzRecord compares our decoder with an untyped one: it must not panic, must accept every
// object and refuse everything else, and must not lose anything.
func fuzzRecord(t *testing.T, data []byte, v json.Unmarshaler) {
	t.Helper()
	if len(data) > 1<<16 {
		t.Skip("large")
	}
	typ := reflect.TypeOf(v).Elem()
	err := v.UnmarshalJSON(data)
	tree, treeErr := generic(data)
	object, isObject := tree.(map[string]any)
	switch {
	case !json.Valid(data):
		if err == nil && !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("n")) {
			t.Fatalf("invalid JSON is taken: %q", data)
		}
		return
	case tree == nil && treeErr == nil:
		return // null changes nothing
	case !isObject:
		if err == nil {
			t.Fatalf("%s is taken for a record", data)
		}
		return
	case err != nil && garbled(data) && strings.Contains(err.Error(), "name of a field"):
		return
	case err != nil:
		t.Fatalf("%q: %v", data, err)
	}
	sameAsLibrary(t, data, object, reflect.ValueOf(v).Elem())
	// For repeated names and invalid UTF-8, more than one result is right.
	if utf8.Valid(data) && !repeats(data) && !strings.Contains(string(data), `\u`) {
		checkNothingLost(t, typ, object)
		return
	}
	first := sameBytes(t, reflect.ValueOf(v).Elem().Interface().(json.Marshaler))
	again := reflect.New(typ)
	if err := json.Unmarshal([]byte(first), again.Interface()); err != nil {
		t.Fatalf("%q: %v", first, err)
	}
	if second := sameBytes(t, again.Elem().Interface().(json.Marshaler)); len(second) != len(first) && !wraps(typ, data) {
		t.Fatalf("%q\nbecomes\n%q\nand then\n%q", data, first, second)
	}
}

// sameAsLibrary compares a record with what the JSON library decodes from the same data, if
// it can fill a struct with the record's fields from it.
func sameAsLibrary(t *testing.T, data []byte, object map[string]any, record reflect.Value) {
	t.Helper()
	for _, name := range []string{"contact", "message", "user", "company", "person", "fist_name"} {
		if _, ok := object[name]; ok {
			return // a wrapper or a misspelled name, which the library does not know
		}
	}
	var fields []reflect.StructField
	for f := range record.Type().Fields() {
		fields = append(fields, f)
	}
	want := reflect.New(reflect.StructOf(fields)) // a type without methods
	lenient := jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if jsonv2.Unmarshal(data, want.Interface(), lenient) != nil || repeats(data) || garbled(data) {
		return
	}
	want = want.Elem()
	for _, field := range want.Fields() { // null means no value
		if raw, ok := field.Addr().Interface().(*json.RawMessage); ok && string(*raw) == "null" {
			*raw = nil
		}
	}
	got := record.Convert(want.Type())
	if diff := cmp.Diff(want.Interface(), got.Interface(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%q is to the library another record (-) than to us (+):\n%s", data, diff)
	}
}

// wraps reports whether the data may have a wrapper: decoding removes one each time.
func wraps(typ reflect.Type, data []byte) bool {
	return strings.Contains(string(data), strings.ToLower(typ.Name())) || strings.Contains(string(data), "contact") || strings.Contains(string(data), `\`)
}

// garbled reports whether the data has text that is not valid UTF-8, in a value or a name.
func garbled(data []byte) bool {
	return !utf8.Valid(data) || strings.Contains(strings.ToLower(string(data)), `\ud`)
}

// repeats reports whether some object in the data has a name twice.
func repeats(data []byte) bool {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var value func() bool
	value = func() bool {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'):
			seen := map[any]bool{}
			for dec.More() {
				name, err := dec.Token()
				if err != nil || seen[name] || value() {
					return true
				}
				seen[name] = true
			}
			_, _ = dec.Token()
		case json.Delim('['):
			for dec.More() {
				if value() {
					return true
				}
			}
			_, _ = dec.Token()
		}
		return false
	}
	return value()
}

func FuzzContact(f *testing.F) {
	addSamples(f, "contact.json", "company_find.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(growthgenius.Contact)) })
}

func FuzzMessage(f *testing.F) {
	addSamples(f, "message.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(growthgenius.Message)) })
}

func FuzzUser(f *testing.F) {
	addSamples(f, "user_single.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(growthgenius.User)) })
}

func FuzzCompany(f *testing.F) {
	addSamples(f, "company.json", "company_find.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(growthgenius.Company)) })
}

func FuzzPerson(f *testing.F) {
	addSamples(f, "person.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(growthgenius.Person)) })
}

func FuzzPage(f *testing.F) {
	addSamples(f, "contacts_search.json")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRecord(t, data, new(growthgenius.ContactPage)) })
}

// FuzzEnvelope: the elements of a list are those that a decoder of the whole response finds,
// whatever else is in it, and a stream has the same ones.
func FuzzEnvelope(f *testing.F) {
	addSamples(f, "contact.json", "contacts.json", "contacts_search.json")
	f.Add([]byte(`{"contacts":[{"title":[{"a":"}"}]},null,{"contact":{"id":1,"title":5}}],"contact":{"id":2},"x":[{"contacts":[{}]}]}`))
	var body io.Reader
	c := testkit.Fuzzed(f, testkit.TransportFunc(func(*http.Request) (*http.Response, error) {
		response := testkit.Reply(200, "")
		response.Body = io.NopCloser(body)
		return response, nil
	}))
	f.Fuzz(func(t *testing.T, data []byte) {
		body = bytes.NewReader(data)
		got, err := c.Contacts.List(t.Context(), testkit.Everything)
		body = iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(data)))
		streamed, streamErr := testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything))
		if (err == nil) != (streamErr == nil) || err == nil && !cmp.Equal(got, streamed, cmpopts.EquateEmpty()) {
			t.Fatalf("streamed it is something else (%v, %v):\n%s", err, streamErr, cmp.Diff(got, streamed))
		}
		if !json.Valid(data) {
			if err == nil {
				t.Fatalf("invalid JSON is taken: %q", data)
			}
			return
		}
		if repeats(data) || !utf8.Valid(data) {
			return
		}
		var doc map[string]json.RawMessage
		if json.Unmarshal(data, &doc) != nil || doc == nil {
			if err == nil {
				t.Fatalf("%s is taken for an envelope", data)
			}
			return
		}
		if keyed.Match(data) || errors.Is(err, growthgenius.ErrPartialResults) || err != nil && strings.Contains(err.Error(), "reports an error") {
			return
		}
		var want []growthgenius.Contact
		found, bad := false, false
		for _, name := range []string{"contact", "contacts"} {
			raw, ok := doc[name]
			if !ok {
				continue
			}
			found = true
			items := []json.RawMessage{raw}
			if raw[0] == '[' {
				if err := json.Unmarshal(raw, &items); err != nil {
					t.Fatal(err)
				}
				items = slices.DeleteFunc(items, func(item json.RawMessage) bool { return item[0] == 'n' })
			}
			for _, item := range items {
				var c growthgenius.Contact
				if item[0] != '{' || c.UnmarshalJSON(item) != nil || c.ID == "" {
					bad = true
					break
				}
				want = append(want, c)
			}
		}
		if (err != nil) != (bad || !found) {
			t.Fatalf("%s: %v", data, err)
		}
		if err == nil && !sameContacts(t, got, want) {
			t.Fatalf("%s\nis read as\n%s\nwant\n%s", data, testkit.JSON(t, got), testkit.JSON(t, want))
		}
	})
}

// keyed matches a response that may have a list with ids or numbers as keys.
var keyed = regexp.MustCompile(`"[^"]*[0-9\\\\][^"]*"\s*:\s*\{`)

// sameContacts compares contacts in any order: the two envelope keys may come in any.
func sameContacts(t *testing.T, a, b []growthgenius.Contact) bool {
	t.Helper()
	texts := func(list []growthgenius.Contact) []string {
		var out []string
		for _, c := range list {
			out = append(out, testkit.JSON(t, c))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(texts(a), texts(b))
}

// oddJSON is valid JSON that is hard to read correctly.
var oddJSON = []string{
	// The end of a text, and what only looks like it.
	`{"name":"\\","id":"\\\"","title":"\"","city":"\\\\","state":"]}","country":"{,:"}`,
	`{"name\\":1,"name\"":2,"name\\\"":{"a":"}"},"\\":3,"\"":4,"":5,"name":"x"}`,
	`{"x":["\\",{"\\":"\\\""},"\"]",[["]"]]],"name":"x"}`,
	// Names that match a field after they are unescaped, in every order.
	`{"\u006eame":"a","\u0069d":7}`, `{"n\u0061me":"a","name":5}`, `{"name":5,"n\u0061me":"a"}`, `{"\u0063ontact":{"\u0069d":1,"name":"x"}}`,
	`{"name\u0000":1,"\u0000name":2,"nam\u0065":"x","NAME":3,"name ":4}`,
	// Wrappers in wrappers, beside other keys, empty, of another type, and given twice.
	`{"contact":{"contact":{"id":1}}}`, `{"contact":{"contact":{"id":1},"x":1},"y":2}`, `{"contact":{}}`, `{"contact":{},"x":1}`, `{"contact":[{"id":1}]}`,
	`{"contact":{"id":1},"contact":{"id":2}}`, `{"contact":{"id":1},"contact":5}`, `{"contact":5,"contact":{"id":2},"name":"x"}`, `{"x":1,"contact":{"id":2,"x":3}}`,
	`{"company":{"contact":{"contact":{"company_name":"x"}}},"person":{"person":{"id":"1"}},"message":{"message":{"id":1}},"user":{"user":{"id":1}}}`,
	// A repeated name, with expected, unexpected, null and convertible values.
	`{"name":"a","name":5}`, `{"name":5,"name":"a"}`, `{"name":{"a":1},"name":null}`, `{"name":null,"name":{"a":1}}`, `{"name":"a","name":[1]}`,
	`{"account":{"id":1},"account":5,"account":{"name":"x","name":2}}`, `{"emails":[{"address":"a"}],"emails":[5],"emails":[]}`, `{"x":1,"x":{"x":2},"x":"3"}`,
	`{"emails":[{"address":1},{"address":"a"},null,5],"experience":[{"company":{"name":[]},"title":5},{"company":[]}],"skills":["a",5,true,null,{}]}`,
	// Numbers.
	`{"id":1e3,"size":5.0,"status":-0}`, `{"id":-0,"size":1E+2,"linkedin_connections":0.0}`, `{"id":1.0,"size":9223372036854775807,"linkedin_connections":9223372036854775808}`,
	`{"id":123456789012345678901234567890,"size":1e400,"linkedin_connections":-1e-400}`, `{"size":"-0","linkedin_connections":"1e3","pagination":{"page":1e2,"per_page":"07"}}`,
	// Blanks.
	" \n{\t\"name\"\r:\n\"x\" , \"account\" : { } , \"x\" : [ ] ,\"emails\": [ { } , null ]\n} \t", "{ }", "\r\n{\"contact\" : { \"id\" : 1 } }\n", `{"contacts" : [ { "id" : 1 } , { } ] , "pagination" : { } }`,
	// Text that is not valid Unicode.
	`{"name":"\ud800","title":"\udc00x","city":"\ud83d\ude00","\ud800":1,"\udfff":2,"id":"\ud800"}`, "{\"name\":\"\xff\",\"\xffname\":1,\"id\":\"\xc3(\"}", "{\"\xed\xa0\x80\":1,\"name\":\"\xed\xa0\x80\\\\\"}",
	"{\"name\":\"\u2028\u2029\x7f\",\"created_at\":\"2021-01-19T12:00:00.5+01:00\"}", `{"created_at":"2021-01-19t12:00:00z"}`, `{"created_at":"2021-01-19T12:00:00,5Z","updated_at":"2021-01-19T12:00:00+24:00","sent_at":"2021-01-19T1:00:00Z"}`,
}
