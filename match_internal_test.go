package growthgenius

import (
	"testing"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, resource, content, row string
		want                         likeness
	}{
		{"the same", "contact", `{"email":"a@b.c","title":"CTO"}`, `{"id":1,"email":"a@b.c","title":"CTO","city":"x"}`, exact},
		{"folded", "contact", `{"email":" A@B.c","full_name":"Ada  Byron"}`, `{"email":"a@b.C ","full_name":"ada byron"}`, exact},
		{"null, empty and absent", "contact", `{"email":"a@b.c","city":null,"state":"","lists":null}`, `{"email":"a@b.c","city":"","state":null}`, exact},
		{"a number as text", "message", `{"contact_id":7,"rendered_copy":"x"}`, `{"contact_id":"7","rendered_copy":"x"}`, exact},
		{"a time in another zone", "message", `{"contact_id":7,"sent_at":"2019-08-09T07:10:41.2751-04:00"}`, `{"contact_id":7,"sent_at":"2019-08-09T11:10:41.275Z"}`, exact},
		{"an object with its keys turned round", "contact", `{"email":"a@b.c","contact_account":{"id":1,"status":"cold"}}`, `{"email":"a@b.c","contact_account":{"status":"cold","id":1}}`, exact},
		{"another title", "contact", `{"email":"a@b.c","title":"CTO"}`, `{"email":"a@b.c","title":"CEO"}`, near},
		{"an e-mail the server rewrote", "contact", `{"email":"a.b+tag@b.c","title":"CTO"}`, `{"email":"ab@b.c","title":"CTO"}`, near},
		{"another e-mail", "contact", `{"email":"a@b.c","title":"CTO"}`, `{"email":"z@b.c","title":"CTO"}`, unlike},
		{"no e-mail, one difference", "contact", `{"full_name":"Ada","title":"CTO"}`, `{"full_name":"Ada","title":"CEO"}`, near},
		{"no e-mail, the only field", "contact", `{"full_name":"Ada"}`, `{"full_name":"Bob"}`, unlike},
		{"a rendered text", "message", `{"contact_id":7,"rendered_copy":"Hi, Louis!","message_type":"email"}`, `{"contact_id":7,"rendered_copy":"hi louis","message_type":"mail"}`, near},
		{"another contact's message", "message", `{"contact_id":7,"rendered_copy":"x"}`, `{"contact_id":8,"rendered_copy":"x"}`, unlike},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var content, row rawRow
			if err := unmarshalJSON([]byte(test.content), &content); err != nil {
				t.Fatal(err)
			}
			if err := unmarshalJSON([]byte(test.row), &row); err != nil {
				t.Fatal(err)
			}
			if got := compare(test.resource, content, row); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
}

// FuzzCompare: a record is exactly like itself, being the same does not depend on the
// order of the two, and whatever is exact contradicts nothing.
func FuzzCompare(f *testing.F) {
	f.Add(`{"email":"a@b.c","title":null}`, `{"email":"A@b.c"}`)
	f.Add(`{"contact_id":7,"sent_at":"2019-08-09T07:10:41.275-04:00"}`, `{"contact_id":"7","sent_at":"2019-08-09T11:10:41Z"}`)
	f.Add(`{"lists":[1,{"a":[]}],"email_confidence":1e2}`, `{"lists":[1,{"a":[]}],"email_confidence":100}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		var content, row rawRow
		if unmarshalJSON([]byte(a), &content) != nil || unmarshalJSON([]byte(b), &row) != nil {
			t.Skip("no objects")
		}
		for _, resource := range []string{"contact", "message"} {
			if len(content) > 0 && compare(resource, content, content) != exact {
				t.Errorf("%s is not like itself", a)
			}
			if len(content) > 0 && compare(resource, content, row) == exact && contradicts(resource, content, row) {
				t.Errorf("%s and %s are alike and contradict each other", a, b)
			}
		}
		for field := range content {
			if sameValue(content[field], row[field]) != sameValue(row[field], content[field]) {
				t.Errorf("%s: the order matters for %s and %s", field, content[field], row[field])
			}
		}
	})
}
