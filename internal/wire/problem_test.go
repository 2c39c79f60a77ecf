package wire_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// TestErrorBodies: every usual shape of an error body, since none is documented.
func TestErrorBodies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string // or the name of a file in testdata/errors
		want wire.Problem
		ok   bool
	}{
		{"error_string.json", wire.Problem{Message: "Contact not found"}, true},
		{"error_object.json", wire.Problem{Message: "user_id is required", Code: "invalid_request"}, true},
		{"errors_list.json", wire.Problem{Message: "Email is invalid; First name can't be blank"}, true},
		{"errors_fields.json", wire.Problem{Fields: map[string][]string{"email": {"is invalid"}}}, true},
		{"message.json", wire.Problem{Message: "Internal server error"}, true},
		{"error_message.json", wire.Problem{Message: "Rate limit exceeded"}, true},
		{"plain.txt", wire.Problem{}, false},
		{"page.html", wire.Problem{}, false},
		{``, wire.Problem{}, false},
		{`{}`, wire.Problem{}, true},
		{`null`, wire.Problem{}, false},
		{`5`, wire.Problem{}, false},
		{` "just text"`, wire.Problem{Message: "just text"}, true},
		{`"quoted" but not JSON`, wire.Problem{}, false},
		{`{not JSON}`, wire.Problem{}, false},
		{`{"error":"cut sh`, wire.Problem{}, false},
		{`[{"message":"a list"}]`, wire.Problem{}, false},
		{`{"error":{"code":1203,"message":"boom"}}`, wire.Problem{Message: "boom", Code: "1203"}, true},
		{`{"error":true,"message":"boom"}`, wire.Problem{Message: "boom"}, true},
		{`{"error":"invalid_grant","error_description":"expired"}`, wire.Problem{Message: "expired", Code: "invalid_grant"}, true},
		{`{"code":"E1","detail":"boom"}`, wire.Problem{Message: "boom", Code: "E1"}, true},
		{`{"code":null,"type":"T","error_code":5,"message":"","title":"boom"}`, wire.Problem{Message: "boom", Code: "T"}, true},
		{`{"errors":"boom"}`, wire.Problem{Message: "boom"}, true},
		{`{"error":"a","errors":"b"}`, wire.Problem{Message: "a", Code: "b"}, true},
		{
			`{"errors":[{"field":"email","message":"is bad"},{"field":"email","message":"is taken"},{"title":"boom","code":7},5,null,[]]}`,
			wire.Problem{Message: "boom; 5", Code: "7", Fields: map[string][]string{"email": {"is bad", "is taken"}}}, true,
		},
		{
			`{"errors":{"email":"is bad","name":[{"message":"is short"},"is odd"],"age":null,"x":{}}}`,
			wire.Problem{Fields: map[string][]string{"email": {"is bad"}, "name": {"is short", "is odd"}}}, true,
		},
		{`{"errors":{"email":null}}`, wire.Problem{}, true},
		{`{"errors":[{"field":"email"}]}`, wire.Problem{}, true},
		{`{"message":{"a":1},"errors":{"base":["boom"]}}`, wire.Problem{Fields: map[string][]string{"base": {"boom"}}}, true},
		{`{"message":1.5,"code":true}`, wire.Problem{Message: "1.5", Code: "true"}, true},
		{"{\"message\":\"a\\u001b[31mb\\u0000c\\u202e\"}", wire.Problem{Message: "a\ufffd[31mb\ufffdc\ufffd"}, true},
		{"{\"errors\":{\"a\\u001b\":\"\\u0000\"}}", wire.Problem{Fields: map[string][]string{"a\ufffd": {"\ufffd"}}}, true},
		{"\"a\\u001b\"", wire.Problem{Message: "a\ufffd"}, true},
		{"{\"error\":\"a\\u001b\"}", wire.Problem{Message: "a\ufffd"}, true},
		{`{"errors":[{"code":1,"message":"a"},{"code":2,"message":"b"}]}`, wire.Problem{Message: "a; b", Code: "1"}, true},
		{"{\"message\":\"\xff\",\"message\":\"last\"}", wire.Problem{Message: "last"}, true},
		{`{"message":"` + strings.Repeat("x", 1<<16) + `"}`, wire.Problem{}, false},
	} {
		body := []byte(tt.body)
		if strings.HasSuffix(tt.body, ".json") || strings.HasSuffix(tt.body, ".txt") || strings.HasSuffix(tt.body, ".html") {
			body = sample(t, "errors/"+tt.body)
		}
		var got wire.Problem
		ok := wire.ReadProblem(body, &got)
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
			t.Errorf("%.100s: %t, (-want +got):\n%s", tt.body, ok, diff)
		}
	}
}

// TestReadProblemKeeps: what is known of an error before its body is read takes precedence.
func TestReadProblemKeeps(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]wire.Problem{
		`{"message":"new"}`:                    {Message: "known"},
		`"new"`:                                {Message: "known"},
		`{"error":"new"}`:                      {Message: "known", Code: "new"},
		`{"error":{"message":"new","code":5}}`: {Message: "known", Code: "5"},
		`{"errors":["new",{"code":5}]}`:        {Message: "known", Code: "5"},
	} {
		got := wire.Problem{Message: "known"}
		wire.ReadProblem([]byte(body), &got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

// FuzzErrorBody: whatever comes with an error, its texts are printable, and no larger than
// what they are made of.
func FuzzErrorBody(f *testing.F) {
	for _, name := range []string{
		"error_message.json", "error_object.json", "error_string.json", "errors_fields.json", "errors_list.json",
		"message.json", "page.html", "plain.txt",
	} {
		f.Add(sample(f, "errors/"+name))
	}
	f.Add([]byte(`{"errors":[{"field":"a","message":"b"},{"errors":{"b":[{"error":{"type":5}}]}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var p wire.Problem
		if !wire.ReadProblem(body, &p) {
			if diff := cmp.Diff(wire.Problem{}, p); diff != "" {
				t.Fatal(diff)
			}
			return
		}
		texts := []string{p.Message, p.Code}
		for name, problems := range p.Fields {
			texts = append(texts, append(problems, name)...)
			if len(problems) == 0 {
				t.Fatalf("no problem with %q", name)
			}
		}
		size := 0
		for _, text := range texts {
			for _, r := range text {
				if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
					t.Fatalf("%q in %q", r, text)
				}
			}
			size += len(text)
		}
		// A byte that is not UTF-8 becomes three, and 1e99 has a hundred digits.
		if size > 100*len(body)+400 {
			t.Fatalf("%d bytes of text from %d", size, len(body))
		}
	})
}

// TestIsOwnNotFound: what the API may say of a record that does not exist, and what gateways
// say of an address that they do not know.
func TestIsOwnNotFound(t *testing.T) {
	t.Parallel()
	for body, own := range map[string]bool{
		`{"error":"contact not found"}`:                                true,
		`{"message":"Couldn't find Contact with 'id'=7"}`:              true,
		`{"error":{"type":"missing","message":"No such record"}}`:      true,
		`{"error":{"code":"contact_not_found","message":"Not found"}}`: true,
		`{"errors":{"id":["does not exist"]}}`:                         true,
		`{"error":"Not Found"}`:                                        false,
		`{"message":"Not Found."}`:                                     false,
		`{"error":{"code":404,"message":"404 Not Found"}}`:             false,
		`{"error":{"code":"not_found"}}`:                               false,
		`{"error":"Cannot DELETE /contacts/7"}`:                        false,
		`{"message":"no Route matched with those values"}`:             false,
		`{"error":"Service not found"}`:                                false,
		`{"error":{"code":"404","message":"Resource not found"}}`:      false,
		`{"error":"contact not found","path":"/contacts/7"}`:           false,
		`{"error":{"message":"no such host","trace":"1"}}`:             false,
		`{}`: false, `[]`: false, `"contact not found"`: false, `contact not found`: false, ``: false,
	} {
		if got := wire.IsOwnNotFound([]byte(body)); got != own {
			t.Errorf("%s: %t", body, got)
		}
	}
}
