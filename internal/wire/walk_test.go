package wire_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// oddJSON is valid JSON that a walk over records could stumble over. It seeds the fuzz
// targets as well.
var oddJSON = []string{
	// What ends a text, and what only looks like it.
	`{"name":"\\","id":"\\\"","title":"\"","city":"\\\\","state":"]}","country":"{,:"}`,
	`{"name\\":1,"name\"":2,"name\\\"":{"a":"}"},"\\":3,"\"":4,"":5,"name":"x"}`,
	`{"x":["\\",{"\\":"\\\""},"\"]",[["]"]]],"name":"x"}`,
	// Names that are a field's once they are unescaped, in every order.
	`{"\u006eame":"a","\u0069d":7}`, `{"n\u0061me":"a","name":5}`, `{"name":5,"n\u0061me":"a"}`,
	`{"\u0063ontact":{"\u0069d":1,"name":"x"}}`,
	`{"name\u0000":1,"\u0000name":2,"nam\u0065":"x","NAME":3,"name ":4}`,
	// Wrappers within wrappers, beside other keys, empty, odd and repeated.
	`{"contact":{"contact":{"id":1}}}`, `{"contact":{"contact":{"id":1},"x":1},"y":2}`, `{"contact":{}}`,
	`{"contact":{},"x":1}`, `{"contact":[{"id":1}]}`,
	`{"contact":{"id":1},"contact":{"id":2}}`, `{"contact":{"id":1},"contact":5}`,
	`{"contact":5,"contact":{"id":2},"name":"x"}`, `{"x":1,"contact":{"id":2,"x":3}}`,
	`{"company":{"contact":{"contact":{"company_name":"x"}}},"person":{"person":{"id":"1"}},` +
		`"message":{"message":{"id":1}},"user":{"user":{"id":1}}}`,
	// A repeated name, with values that are good, odd, null and convertible.
	`{"name":"a","name":5}`, `{"name":5,"name":"a"}`, `{"name":{"a":1},"name":null}`, `{"name":null,"name":{"a":1}}`,
	`{"name":"a","name":[1]}`, `{"contact_account":{"id":1},"contact_account":5,"contact_account":{"name":"x","name":2}}`,
	`{"emails":[{"address":"a"}],"emails":[5],"emails":[]}`, `{"x":1,"x":{"x":2},"x":"3"}`,
	`{"emails":[{"address":1},{"address":"a"},null,5],"experience":[{"company":{"name":[]},"title":5},` +
		`{"company":[]}],"skills":["a",5,true,null,{}]}`,
	// Numbers.
	`{"id":1e3,"size":5.0,"status":-0}`, `{"id":-0,"size":1E+2,"linkedin_connections":0.0}`,
	`{"id":1.0,"size":9223372036854775807,"linkedin_connections":9223372036854775808}`,
	`{"id":123456789012345678901234567890,"size":1e400,"linkedin_connections":-1e-400}`,
	`{"size":"-0","linkedin_connections":"1e3","pagination":{"page":1e2,"per_page":"07"}}`,
	// Blanks.
	" \n{\t\"name\"\r:\n\"x\" , \"contact_account\" : { } , \"x\" : [ ] ,\"emails\": [ { } , null ]\n} \t", "{ }",
	"\r\n{\"contact\" : { \"id\" : 1 } }\n", `{"contacts" : [ { "id" : 1 } , { } ] , "pagination" : { } }`,
	// Text that is not Unicode.
	`{"name":"\ud800","title":"\udc00x","city":"\ud83d\ude00","\ud800":1,"\udfff":2,"id":"\ud800"}`,
	"{\"name\":\"\xff\",\"\xffname\":1,\"id\":\"\xc3(\"}", "{\"\xed\xa0\x80\":1,\"name\":\"\xed\xa0\x80\\\\\"}",
	// Times that only package time accepts.
	"{\"name\":\"\u2028\u2029\x7f\",\"created_at\":\"2021-01-19T12:00:00.5+01:00\"}", `{"created_at":"2021-01-19t12:00:00z"}`,
	`{"created_at":"2021-01-19T12:00:00,5Z","updated_at":"2021-01-19T12:00:00+24:00","sent_at":"2021-01-19T1:00:00Z"}`,
}

// once returns data without the earlier values of each repeated name, with the names
// unescaped and in alphabetical order, as encoding/json reads them.
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

// TestWalk: a record does not depend on how its members are written, and holds on to none of
// the bytes that it was decoded from.
func TestWalk(t *testing.T) {
	t.Parallel()
	for _, text := range oddJSON {
		for _, typ := range append(recordTypes, reflect.TypeFor[Row]()) {
			data := []byte(text)
			got, want := reflect.New(typ).Interface(), reflect.New(typ).Interface()
			if err := wire.UnmarshalRecord(data, got); err != nil {
				if garbled(data) && strings.Contains(err.Error(), "name of a field") {
					continue
				}
				t.Fatalf("%s %q: %v", typ, text, err)
			}
			if string(data) != text {
				t.Fatalf("%q has become %q", text, data)
			}
			copy(data, bytes.Repeat([]byte("#"), len(data)))
			if err := wire.UnmarshalRecord(once(t, text), want); err != nil {
				t.Fatalf("%s %q: %v", typ, text, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %q:\n%s", typ, text, diff)
			}
		}
	}
}
