package match_test

import (
	"encoding/json"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

func rowOf(t *testing.T, text string) match.Row {
	t.Helper()
	var row match.Row
	if err := wire.Unmarshal([]byte(text), &row); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return row
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, resource, content, row string
		want                         match.Likeness
	}{
		{"the same", "contact", `{"email":"a@b.c","title":"CTO"}`, `{"id":1,"email":"a@b.c","title":"CTO","city":"x"}`, match.Exact},
		{"folded", "contact", `{"email":" A@B.c","full_name":"Ada  Byron"}`, `{"email":"a@b.C ","full_name":"ada byron"}`, match.Exact},
		{"null, empty and absent", "contact", `{"email":"a@b.c","city":null,"state":"","lists":null}`, `{"email":"a@b.c","city":"","state":null}`, match.Exact},
		{"a number as text", "message", `{"contact_id":7,"rendered_copy":"x"}`, `{"contact_id":"7","rendered_copy":"x"}`, match.Exact},
		{"a time in another zone", "message", `{"contact_id":7,"sent_at":"2019-08-09T07:10:41.2751-04:00"}`, `{"contact_id":7,"sent_at":"2019-08-09T11:10:41.275Z"}`, match.Exact},
		{"an object with its keys turned round", "contact", `{"email":"a@b.c","contact_account":{"id":1,"status":"cold"}}`, `{"email":"a@b.c","contact_account":{"status":"cold","id":1}}`, match.Exact},
		{"another number that is the same as a float64", "contact", `{"email":"a@b.c","lists":[9007199254740993]}`, `{"email":"a@b.c","lists":[9007199254740992]}`, match.Near},
		{"another number deep in an object", "contact", `{"email":"a@b.c","unstructured_data":{"a":[{"b":1.00000000000000000001}]}}`, `{"email":"a@b.c","unstructured_data":{"a":[{"b":1}]}}`, match.Near},
		{"text for a number in a list", "contact", `{"email":"a@b.c","lists":[1]}`, `{"email":"a@b.c","lists":["1"]}`, match.Near},
		{"the same numbers, written otherwise", "contact", `{"email":"a@b.c","lists":[100,-0,0.50,1200,1e400,-7.0]}`, `{"email":"a@b.c","lists":[1E+2,0,5e-1,12.00e2,10e399,-7]}`, match.Exact},
		{"numbers of another sign and size", "contact", `{"email":"a@b.c","lists":[7,1e99999999999999999999]}`, `{"email":"a@b.c","lists":[-7,1e99999999999999999999]}`, match.Near},
		{"another power of ten", "contact", `{"email":"a@b.c","lists":[0.05]}`, `{"email":"a@b.c","lists":[0.5]}`, match.Near},
		{"another object", "contact", `{"email":"a@b.c","contact_account":{"id":1}}`, `{"email":"a@b.c","contact_account":{"id":2}}`, match.Near},
		{"another title", "contact", `{"email":"a@b.c","title":"CTO"}`, `{"email":"a@b.c","title":"CEO"}`, match.Near},
		{"an e-mail the server rewrote", "contact", `{"email":"a.b+tag@b.c","title":"CTO"}`, `{"email":"a.b@b.c","title":"CTO"}`, match.Near},
		{"an e-mail the server dropped", "contact", `{"email":"n/a","first_name":"Ada","last_name":"Byron"}`, `{"email":null,"first_name":"Ada","last_name":"Byron"}`, match.Near},
		{"no e-mail, and another name", "contact", `{"email":"n/a","first_name":"Ada","last_name":"Byron"}`, `{"email":null,"first_name":"Bob","last_name":"Byron"}`, match.Unlike},
		{"no e-mail, and no name to go by", "contact", `{"email":"a@b.c","title":"CTO"}`, `{"email":null,"title":"CTO"}`, match.Near},
		{"another e-mail", "contact", `{"email":"a@b.c","title":"CTO"}`, `{"email":"z@b.c","title":"CTO"}`, match.Unlike},
		{"no e-mail, one difference", "contact", `{"full_name":"Ada","title":"CTO"}`, `{"full_name":"Ada","title":"CEO"}`, match.Near},
		{"no e-mail, the only field", "contact", `{"full_name":"Ada"}`, `{"full_name":"Bob"}`, match.Unlike},
		{"no e-mail, the same page of a network", "contact", `{"linkedin_url":"in/ada","title":"CTO","city":"x"}`, `{"linkedin_url":"IN/Ada/"}`, match.Near},
		{"no e-mail, the same name in two fields", "contact", `{"first_name":"Ada","last_name":"Byron","title":"CTO","city":"x"}`, `{"first_name":"Ada","last_name":"Byron"}`, match.Near},
		{"no e-mail, two differences and half a name", "contact", `{"first_name":"Ada","last_name":"Byron","title":"CTO"}`, `{"first_name":"Ada","last_name":"Bell"}`, match.Unlike},
		{"a rendered text", "message", `{"contact_id":7,"rendered_copy":"Hi, Louis!","message_type":"email"}`, `{"contact_id":7,"rendered_copy":"hi louis","message_type":"mail"}`, match.Near},
		{"an escaped text", "message", `{"contact_id":7,"rendered_copy":"Q&A at 5"}`, `{"contact_id":7,"rendered_copy":"Q&amp;A at 5"}`, match.Exact},
		{"a text cut short", "message", `{"contact_id":7,"rendered_copy":"Hi Louis, how are you"}`, `{"contact_id":7,"rendered_copy":"Hi Louis"}`, match.Near},
		{"a text of emoji", "message", `{"contact_id":7,"rendered_copy":"👍","message_type":"a"}`, `{"contact_id":7,"rendered_copy":"👍","message_type":"b"}`, match.Near},
		{"another text of emoji", "message", `{"contact_id":7,"rendered_copy":"👍"}`, `{"contact_id":7,"rendered_copy":"🎉"}`, match.Unlike},
		{"no text, the same type", "message", `{"contact_id":7,"message_type":"A message"}`, `{"contact_id":7,"message_type":"a_message"}`, match.Near},
		{"no text, another type", "message", `{"contact_id":7,"message_type":"email"}`, `{"contact_id":7,"message_type":"call"}`, match.Unlike},
		{"another text, sent at one time", "message", `{"contact_id":7,"rendered_copy":"x","sent_at":"2019-08-09T11:10:41Z"}`, `{"contact_id":7,"rendered_copy":"y","sent_at":"2019-08-09T11:10:41Z"}`, match.Unlike},
		{"a message among contacts", "contact", `{"email":"a@b.c","title":"CTO"}`, `{"contact_id":7,"rendered_copy":"x"}`, match.Unlike},
		{"a contact among messages", "message", `{"contact_id":7,"rendered_copy":"x"}`, `{"email":"a@b.c","title":"CTO"}`, match.Unlike},
		{"another contact's message", "message", `{"contact_id":7,"rendered_copy":"x"}`, `{"contact_id":8,"rendered_copy":"x"}`, match.Unlike},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := match.Compare(test.resource, rowOf(t, test.content), rowOf(t, test.row)); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}

func TestContradicts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, resource, content, response string
		want                              bool
	}{
		{"the same e-mail, rewritten", "contact", `{"email":"Ada+x@Example.com"}`, `{"email":"ada@example.com","title":"CTO"}`, false},
		{"another e-mail", "contact", `{"email":"ada@example.com"}`, `{"email":"bob@example.com"}`, true},
		{"null where an e-mail was sent", "contact", `{"email":"ada@example.com"}`, `{"email":null}`, true},
		{"no e-mail in the response", "contact", `{"email":"ada@example.com"}`, `{"id":1}`, false},
		{"none was sent", "contact", `{"title":"CTO"}`, `{"email":"bob@example.com"}`, false},
		{"the same contact, as text", "message", `{"contact_id":7}`, `{"contact_id":"7"}`, false},
		{"another contact", "message", `{"contact_id":7}`, `{"contact_id":8}`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := match.Contradicts(test.resource, rowOf(t, test.content), rowOf(t, test.response)); got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
}

func TestAgree(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, a, b string
		want       bool
	}{
		{"one has a field more", `{"email":"a@b.c","title":"CTO"}`, `{"email":"A@b.c","city":"x"}`, true},
		{"nothing in common", `{"email":"a@b.c"}`, `{"city":"x"}`, true},
		{"a field differs", `{"email":"a@b.c","title":"CTO"}`, `{"email":"a@b.c","title":"CEO"}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := match.Agree(rowOf(t, test.a), rowOf(t, test.b)); got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
}

// FuzzCompare: a record is exactly like itself, being the same does not depend on the
// order of the two, whatever is exact contradicts nothing, records that are alike have one
// mark, if they have one, and an index finds them.
func FuzzCompare(f *testing.F) {
	f.Add(`{"email":"a@b.c","title":null}`, `{"email":"A@b.c"}`)
	f.Add(`{"contact_id":7,"sent_at":"2019-08-09T07:10:41.275-04:00"}`, `{"contact_id":"7","sent_at":"2019-08-09T11:10:41Z"}`)
	f.Add(`{"email":"o'brien+x@m\u00fcller.example","full_name":"Pat"}`, `{"email":"O&#39;Brien@xn--mller-kva.example"}`)
	f.Add(`{"first_name":"Jos\u00e9","mobile_phone":"+49 151 1234567"}`, `{"full_name":"Jos? M.","work_phone":"01511234567","email":"j@x"}`)
	f.Add(`{"contact_id":7,"rendered_copy":"Hi {{first_name}}, see https://acme.example/x"}`, `{"contact_id":"7","rendered_copy":"Hi Ada, see www.trk.example"}`)
	f.Add(`{"email":"ada-x@yahoo.com","full_name":"Alexandra Papadopoulos"}`, `{"email":"ada@yahoo.com","full_name":"Alexandra "}`)
	f.Add(`{"lists":[1,{"a":[]}],"email_confidence":1e2}`, `{"lists":[1,{"a":[]}],"email_confidence":100}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		var content, row map[string]json.RawMessage
		if wire.Unmarshal([]byte(a), &content) != nil || wire.Unmarshal([]byte(b), &row) != nil {
			t.Skip("not two objects")
		}
		for _, resource := range []string{"contact", "message"} {
			if len(content) > 0 && match.Compare(resource, content, content) != match.Exact {
				t.Errorf("%s is not like itself", a)
			}
			if len(content) > 0 && match.Compare(resource, content, row) == match.Exact && match.Contradicts(resource, content, row) {
				t.Errorf("%s and %s are alike and contradict each other", a, b)
			}
			if match.Compare(resource, content, row) != match.Unlike && !finds(resource, content, row) {
				t.Errorf("%s and %s are alike, and the index does not find it", a, b)
			}
			x, y := match.Mark(resource, content), match.Mark(resource, row)
			if x != y && x != "" && y != "" && match.Compare(resource, content, row) != match.Unlike {
				t.Errorf("%s and %s are alike, and their marks are %q and %q", a, b, x, y)
			}
		}
		for field := range content {
			if match.Same(content[field], row[field]) != match.Same(row[field], content[field]) {
				t.Errorf("%s: the order matters for %s and %s", field, content[field], row[field])
			}
		}
	})
}
