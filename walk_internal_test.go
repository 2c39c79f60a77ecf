package growthgenius

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// oddJSON is valid JSON that a walk over records could stumble over. It seeds the fuzz
// targets, too.
var oddJSON = []string{
	// What ends a text, and what only looks like it.
	`{"name":"\\","id":"\\\"","title":"\"","city":"\\\\","state":"]}","country":"{,:"}`,
	`{"name\\":1,"name\"":2,"name\\\"":{"a":"}"},"\\":3,"\"":4,"":5,"name":"x"}`,
	`{"x":["\\",{"\\":"\\\""},"\"]",[["]"]]],"name":"x"}`,
	// Names that are a field's once they are unescaped, in every order.
	`{"\u006eame":"a","\u0069d":7}`, `{"n\u0061me":"a","name":5}`, `{"name":5,"n\u0061me":"a"}`, `{"\u0063ontact":{"\u0069d":1,"name":"x"}}`,
	`{"name\u0000":1,"\u0000name":2,"nam\u0065":"x","NAME":3,"name ":4}`,
	// Wrappers within wrappers, beside other keys, empty, odd and given twice.
	`{"contact":{"contact":{"id":1}}}`, `{"contact":{"contact":{"id":1},"x":1},"y":2}`, `{"contact":{}}`, `{"contact":{},"x":1}`, `{"contact":[{"id":1}]}`,
	`{"contact":{"id":1},"contact":{"id":2}}`, `{"contact":{"id":1},"contact":5}`, `{"contact":5,"contact":{"id":2},"name":"x"}`, `{"x":1,"contact":{"id":2,"x":3}}`,
	`{"company":{"contact":{"contact":{"company_name":"x"}}},"person":{"person":{"id":"1"}},"message":{"message":{"id":1}},"user":{"user":{"id":1}}}`,
	// A name again, with values good, odd, null and convertible.
	`{"name":"a","name":5}`, `{"name":5,"name":"a"}`, `{"name":{"a":1},"name":null}`, `{"name":null,"name":{"a":1}}`, `{"name":"a","name":[1]}`,
	`{"account":{"id":1},"account":5,"account":{"name":"x","name":2}}`, `{"emails":[{"address":"a"}],"emails":[5],"emails":[]}`, `{"x":1,"x":{"x":2},"x":"3"}`,
	`{"emails":[{"address":1},{"address":"a"},null,5],"experience":[{"company":{"name":[]},"title":5},{"company":[]}],"skills":["a",5,true,null,{}]}`,
	// Numbers.
	`{"id":1e3,"size":5.0,"status":-0}`, `{"id":-0,"size":1E+2,"linkedin_connections":0.0}`, `{"id":1.0,"size":9223372036854775807,"linkedin_connections":9223372036854775808}`,
	`{"id":123456789012345678901234567890,"size":1e400,"linkedin_connections":-1e-400}`, `{"size":"-0","linkedin_connections":"1e3","pagination":{"page":1e2,"per_page":"07"}}`,
	// Blanks.
	" \n{\t\"name\"\r:\n\"x\" , \"account\" : { } , \"x\" : [ ] ,\"emails\": [ { } , null ]\n} \t", "{ }", "\r\n{\"contact\" : { \"id\" : 1 } }\n", `{"contacts" : [ { "id" : 1 } , { } ] , "pagination" : { } }`,
	// Text that is no Unicode.
	`{"name":"\ud800","title":"\udc00x","city":"\ud83d\ude00","\ud800":1,"\udfff":2,"id":"\ud800"}`, "{\"name\":\"\xff\",\"\xffname\":1,\"id\":\"\xc3(\"}", "{\"\xed\xa0\x80\":1,\"name\":\"\xed\xa0\x80\\\\\"}",
	"{\"name\":\"\u2028\u2029\x7f\",\"created_at\":\"2021-01-19T12:00:00.5+01:00\"}", `{"created_at":"2021-01-19t12:00:00z"}`, `{"created_at":"2021-01-19T12:00:00,5Z","updated_at":"2021-01-19T12:00:00+24:00","sent_at":"2021-01-19T1:00:00Z"}`,
}

// once is data without the earlier values of each repeated name, the names unescaped and
// in the order of the alphabet, as encoding/json reads them.
func once(t *testing.T, data string) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(data), &members); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		parts = append(parts, mustJSON(t, name)+":"+string(members[name]))
	}
	return []byte("{" + strings.Join(parts, ",") + "}")
}

// TestWalk: a record is what a map of its members makes it, however they are written, and
// holds on to none of the bytes that it was read from.
func TestWalk(t *testing.T) {
	t.Parallel()
	records := map[string]func() record{
		"Contact": func() record { return new(Contact) }, "Message": func() record { return new(Message) }, "User": func() record { return new(User) },
		"Company": func() record { return new(Company) }, "Person": func() record { return new(Person) }, "ContactPage": func() record { return new(ContactPage) },
		"rawRow": func() record { return new(rawRow) },
	}
	for _, text := range oddJSON {
		for name, newRecord := range records {
			data := []byte(text)
			got, want := newRecord(), newRecord()
			if err := unmarshalRecord(data, got); err != nil {
				t.Fatalf("%s %q: %v", name, text, err)
			}
			if string(data) != text {
				t.Fatalf("%q has become %q", text, data)
			}
			copy(data, bytes.Repeat([]byte("#"), len(data)))
			if err := unmarshalRecord(once(t, text), want); err != nil {
				t.Fatalf("%s %q: %v", name, text, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %q:\n%s", name, text, diff)
			}
		}
	}
}
