package growthgenius_test

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jarcoal/httpmock"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

const (
	maxErrorBody = 4 << 10  // what an error keeps of a body
	maxErrorJSON = 64 << 10 // what is decoded of an error's body
)

// TestStatusErrors: the error of each status matches its sentinel and no other.
func TestStatusErrors(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{
		300: growthgenius.ErrRedirected, 304: growthgenius.ErrRedirected, 399: growthgenius.ErrRedirected,
		400: growthgenius.ErrBadRequest, 401: growthgenius.ErrUnauthorized, 402: nil, 403: growthgenius.ErrForbidden, 404: growthgenius.ErrNotFound, 405: nil, 408: nil, 409: growthgenius.ErrConflict, 410: nil,
		418: nil, 422: growthgenius.ErrValidation, 429: growthgenius.ErrRateLimited, 451: nil, 499: nil, 500: growthgenius.ErrServer, 501: growthgenius.ErrServer, 502: growthgenius.ErrServer, 503: growthgenius.ErrServer, 599: growthgenius.ErrServer, 600: growthgenius.ErrServer,
	} {
		for _, call := range testkit.Reads() {
			api := testkit.NewAPI(t).On(call.Method, call.Path, status, `{"error":"no luck"}`)
			_, err := call.Do(t.Context(), api.Client())
			testkit.OnlyIs(t, err, want)
			e, ok := errors.AsType[*growthgenius.APIError](err)
			if !ok {
				t.Fatalf("%s at %d: %T: %v", call.Name, status, err, err)
			}
			if e.StatusCode != status || e.Method != call.Method || e.Route != call.Route || (want != growthgenius.ErrRedirected && e.Message != "no luck") {
				t.Errorf("%s at %d: %+v", call.Name, status, e)
			}
			named := ""
			if _, id, ok := strings.Cut(call.Route, "{id}"); ok && id == "" {
				named = " (id " + path.Base(call.Path) + ")"
			}
			if text := fmt.Sprintf("growthgenius: %s %s%s: %d ", call.Method, call.Route, named, status); !strings.HasPrefix(err.Error(), text) {
				t.Errorf("%q does not start with %q", err, text)
			}
		}
	}
}

// TestRecordNotFound: only the API's own 404 says that there is no such record. That of a
// gateway is ErrNotFound as well.
func TestRecordNotFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status      int
		body, media string
		want        bool
	}{
		{404, `{"error":"contact not found"}`, "application/json", true},
		{404, `{"error":"contact not found"}`, "text/html", false},
		{404, `{"message":"no Route matched with those values"}`, "", false},
		{404, `404 page not found`, "text/plain", false},
		{404, ``, "", false},
		{403, `{"error":"contact not found"}`, "application/json", false},
		{410, `{"error":"contact not found"}`, "application/json", false},
	} {
		for way, call := range map[string]func(c *growthgenius.Client) error{
			"contact": func(c *growthgenius.Client) error { return testkit.Err(c.Contacts.Get(t.Context(), "7")) },
			"company": func(c *growthgenius.Client) error {
				return testkit.Err(c.Enrichment.Company(t.Context(), "tesla.com"))
			},
		} {
			c := testkit.Scripted(t, &testkit.Script{Respond: func(int, *http.Request) (*http.Response, error) {
				return testkit.Reply(tt.status, tt.body, "Content-Type", tt.media), nil
			}})
			err := call(c)
			api, ok := errors.AsType[*growthgenius.APIError](err)
			if !ok || api.RecordNotFound() != tt.want || errors.Is(err, growthgenius.ErrNotFound) != (tt.status == 404) {
				t.Errorf("%s, %d, %s, %s: %v", way, tt.status, tt.media, tt.body, err)
			}
		}
	}
}

// TestPending: a 202 is an error for a lookup, which is queued, and a success for others.
func TestPending(t *testing.T) {
	t.Parallel()
	api := testkit.NewAPI(t).On("GET", "/companies/find", 202, "").On("GET", "/people/find", 202, `{"message":"queued"}`).
		On("PATCH", "/contacts/1", 202, `{"contact":{"id":1}}`).On("DELETE", "/contacts/1", 202, "")
	c := api.Client()
	_, err := c.Enrichment.Company(t.Context(), "tesla.com")
	testkit.OnlyIs(t, err, growthgenius.ErrPending)
	_, err = c.Enrichment.Person(t.Context(), growthgenius.PersonQuery{Email: "a@b.c"})
	testkit.OnlyIs(t, err, growthgenius.ErrPending)
	if _, err := c.Contacts.Update(t.Context(), "1", growthgenius.ContactInput{Name: growthgenius.Set("x")}); err != nil {
		t.Error(err)
	}
	if err := c.Contacts.Delete(t.Context(), "1"); err != nil {
		t.Error(err)
	}
}

// TestErrorBodies: all common shapes of error bodies, since none is documented.
func TestErrorBodies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string // or the name of a file in testdata/errors
		want growthgenius.APIError
	}{
		{"error_string.json", growthgenius.APIError{Message: "Contact not found"}},
		{"error_object.json", growthgenius.APIError{Message: "user_id is required", Code: "invalid_request"}},
		{"errors_list.json", growthgenius.APIError{Message: "Email is invalid; First name can't be blank"}},
		{"errors_fields.json", growthgenius.APIError{Fields: map[string][]string{"email": {"is invalid"}}}},
		{"message.json", growthgenius.APIError{Message: "Internal server error"}},
		{"error_message.json", growthgenius.APIError{Message: "Rate limit exceeded"}},
		{"plain.txt", growthgenius.APIError{Message: "Service temporarily unavailable"}},
		{"page.html", growthgenius.APIError{Message: "502 Bad Gateway 502 Bad Gateway"}},
		{``, growthgenius.APIError{}},
		{`{}`, growthgenius.APIError{}},
		{`null`, growthgenius.APIError{Message: "null"}},
		{`"just text"`, growthgenius.APIError{Message: "just text"}},
		{`"quoted" but not JSON`, growthgenius.APIError{Message: `"quoted" but not JSON`}},
		{`{not JSON}`, growthgenius.APIError{Message: "{not JSON}"}},
		{`{"error":"cut sh`, growthgenius.APIError{Message: `{"error":"cut sh`}},
		{`[{"message":"a list"}]`, growthgenius.APIError{Message: `[{"message":"a list"}]`}},
		{`{"error":{"code":1203,"message":"boom"}}`, growthgenius.APIError{Message: "boom", Code: "1203"}},
		{`{"error":true,"message":"boom"}`, growthgenius.APIError{Message: "boom"}},
		{`{"error":"invalid_grant","error_description":"expired"}`, growthgenius.APIError{Message: "expired", Code: "invalid_grant"}},
		{`{"code":"E1","detail":"boom"}`, growthgenius.APIError{Message: "boom", Code: "E1"}},
		{`{"errors":"boom"}`, growthgenius.APIError{Message: "boom"}},
		{`{"errors":[{"field":"email","message":"is bad"},{"field":"email","message":"is taken"},{"title":"boom","code":7},5,null,[]]}`,
			growthgenius.APIError{Message: "boom; 5", Code: "7", Fields: map[string][]string{"email": {"is bad", "is taken"}}}},
		{`{"errors":{"email":"is bad","name":[{"message":"is short"},"is odd"],"age":null,"x":{}}}`,
			growthgenius.APIError{Fields: map[string][]string{"email": {"is bad"}, "name": {"is short", "is odd"}}}},
		{`{"errors":{"email":null}}`, growthgenius.APIError{}},
		{`{"errors":[{"field":"email"}]}`, growthgenius.APIError{}},
		{`{"message":{"a":1},"errors":{"base":["boom"]}}`, growthgenius.APIError{Fields: map[string][]string{"base": {"boom"}}}},
		{"{\"message\":\"a\\u001b[31mb\\u0000c\\u202e\"}", growthgenius.APIError{Message: "a\ufffd[31mb\ufffdc\ufffd"}},
		{"\xff\xfd\x00\x01<>", growthgenius.APIError{Message: "\ufffd\ufffd\ufffd\ufffd<>"}},
		{"<HTML><style>p{}</style><SCRIPT>x<y</SCRIPT><p>Gone &amp; lost", growthgenius.APIError{Message: "Gone &amp; lost"}},
		{"<html>" + strings.Repeat("\u212a", 50) + "<b>\xff\xff</b>", growthgenius.APIError{Message: strings.Repeat("\u212a", 50) + " \ufffd\ufffd"}},
	} {
		t.Run(tt.body, func(t *testing.T) {
			t.Parallel()
			body := tt.body
			if strings.HasSuffix(body, ".json") || strings.HasSuffix(body, ".txt") || strings.HasSuffix(body, "page.html") {
				body = string(testkit.Sample(t, "errors/"+body))
			}
			api := testkit.NewAPI(t).On("GET", "/contacts/1", 400, body)
			_, err := api.Client().Contacts.Get(t.Context(), "1")
			got, ok := errors.AsType[*growthgenius.APIError](err)
			if !ok {
				t.Fatalf("%T: %v", err, err)
			}
			want := tt.want
			want.StatusCode, want.Method, want.Route, want.Body = 400, "GET", "/contacts/{id}", []byte(body)
			if diff := cmp.Diff(&want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(want)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want.Fields == nil && got.Fields != nil {
				t.Error("Fields is empty, not nil")
			}
			for field, problems := range want.Fields {
				if text := field + ": " + strings.Join(problems, ", "); !strings.Contains(err.Error(), text) {
					t.Errorf("%q lacks %q", err, text)
				}
			}
			if !strings.Contains(err.Error(), want.Message) || !strings.Contains(err.Error(), want.Code) {
				t.Errorf("%q lacks the message or the code", err)
			}
		})
	}
}

// TestErrorHeaders: what an error has from the headers.
func TestErrorHeaders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header           http.Header
		wantID           string
		wantRetry        time.Duration
		inText, notInTex string
	}{
		{http.Header{"X-Request-Id": {"req-1"}, "Retry-After": {"7"}}, "req-1", 7 * time.Second, "[request req-1]", "\x1b"},
		{http.Header{"Request-Id": {"a\x1bb"}, "Retry-After": {"soon"}}, "a\ufffdb", 0, "[request a\ufffdb]", "retry after"},
		{http.Header{"X-Correlation-Id": {strings.Repeat("x", 4000)}}, "", 0, "400", "xxxx"},
		{http.Header{"Date": {"Tue, 19 Jan 2021 17:00:00 GMT"}, "Retry-After": {"Tue, 19 Jan 2021 17:00:30 GMT"}}, "", 30 * time.Second, "retry after 30s", "["},
	} {
		api := testkit.NewAPI(t).OnFunc("GET", "/users", func(*http.Request) (*http.Response, error) {
			res := httpmock.NewStringResponse(400, "")
			res.Header = tt.header
			return res, nil
		})
		_, err := api.Client().Users.List(t.Context())
		e, ok := errors.AsType[*growthgenius.APIError](err)
		if !ok || e.RequestID != tt.wantID || e.RetryAfter != tt.wantRetry {
			t.Fatalf("%v: %+v", tt.header, e)
		}
		if text := err.Error(); !strings.Contains(text, tt.inText) || strings.Contains(text, tt.notInTex) {
			t.Errorf("%q", text)
		}
	}
}

// TestUnusableAnswers: the error of a success with an unusable body names the route and
// quotes the body. For a create, the outcome is unknown.
func TestUnusableAnswers(t *testing.T) {
	t.Parallel()
	page := string(testkit.Sample(t, "errors/page.html"))
	for _, tt := range []struct {
		name, body, want string
		skip             func(testkit.Call) bool
	}{
		{"HTML", page, "the body is HTML or XML, not JSON", nil},
		{"empty", "", "the body is empty", nil},
		{"plain text", "OK", "the body is not JSON", nil},
		{"text that starts like null", "nothing here", "", nil},
		{"blank", " \n ", "the body is not JSON", nil},
		{"null", "null", "null", nil},
		{"a number", "5", "a number", nil},
		{"text", `"OK"`, "text", nil},
		{"a list", `[{"id":1}]`, "an array", nil},
		{"a boolean", "true", "a boolean", nil},
		{"no envelope", `{}`, "", nil},
		{"an error object", `{"error":"boom"}`, "", nil},
		{"another envelope", `{"deals":[{"id":1}]}`, "", nil},
		{"null envelope", `{"user":null,"users":null,"contact":null,"contacts":null,"message":null,"messages":null}`, "", nil},
		{"text envelope", `{"user":"x","contact":"x","contacts":"x","message":"x"}`, "", nil},
		{"list of text", `{"users":["x"],"contacts":["x"],"messages":["x"]}`, "", nil},
		{"list of lists", `{"users":[[]],"contacts":[[]],"messages":[[]]}`, "", nil},
		{"empty list", `{"users":[],"contacts":[],"messages":[]}`, "", isList},
		{"another id", `{"user":{"id":9},"contact":{"id":9},"message":{"id":9}}`, "another record", func(c testkit.Call) bool { return !strings.Contains(c.Route, "{id}") }},
		{"no id", `{"contact":{"name":"x"},"message":{"message_type":"x"}}`, "no id", func(c testkit.Call) bool { return isList(c) || c.Method == "GET" && !strings.Contains(c.Route, "{id}") }},
		{"two others", `{"contacts":[{"id":8},{"id":9}],"messages":[{"id":8},{"id":9}]}`, "2 records", func(c testkit.Call) bool {
			return isList(c) || c.Method == "GET" && !strings.Contains(c.Route, "{id}")
		}},
		{"something after it", `{"users":[],"contacts":[{"id":1102755}],"messages":[{"id":393642}],"id":"x"} {}`, "", nil},
		{"something after an odd field", `{"users":[],"contacts":[{"id":1102755,"name":5}],"messages":[{"id":393642}],"id":"x","name":5} 0`, "", nil},
		{"too deep", strings.Repeat(`{"contact":`, 11_000), "", nil},
		{"too deep beside the envelope", `{"x":` + strings.Repeat(`[`, 11_000), "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, call := range testkit.Calls {
				if tt.skip != nil && tt.skip(call) {
					continue
				}
				api := testkit.NewAPI(t).On(call.Method, call.Path, 200, tt.body)
				_, err := call.Do(t.Context(), api.Client())
				checkUnusable(t, call, err, tt.body, tt.want)
			}
		})
	}
}

func isList(c testkit.Call) bool {
	return strings.HasSuffix(c.Name, "List") || strings.HasSuffix(c.Name, "Search")
}

func checkUnusable(t *testing.T, c testkit.Call, err error, body, want string) {
	t.Helper()
	decode, ok := errors.AsType[*growthgenius.DecodeError](err)
	if c.Creates {
		testkit.OnlyIs(t, err, growthgenius.ErrOutcomeUnknown)
		unknown, isUnknown := errors.AsType[*growthgenius.OutcomeUnknownError](err)
		if ok || !isUnknown {
			t.Fatalf("%s: %T: %v", c.Name, err, err)
		}
		decode, ok = errors.AsType[*growthgenius.DecodeError](unknown.Last)
	} else {
		testkit.OnlyIs(t, err, growthgenius.ErrDecode)
	}
	if !ok {
		t.Fatalf("%s: %T: %v", c.Name, err, err)
	}
	if decode.StatusCode != 200 || decode.Method != c.Method || decode.Route != c.Route || decode.Reason == "" || !strings.Contains(decode.Reason, want) {
		t.Errorf("%s: %+v", c.Name, decode)
	}
	if !strings.HasPrefix(body, string(decode.Body)) || (len(decode.Body) < len(body) && len(decode.Body) < maxErrorBody) {
		t.Errorf("%s: Body is %.100q of %.100q", c.Name, decode.Body, body)
	}
	text := err.Error()
	if !strings.Contains(text, c.Method+" "+c.Route) || len(text) > 2048 {
		t.Errorf("%s: %.3000q", c.Name, text)
	}
	other := strings.Contains(decode.Reason, "describes another record")
	if other != (decode.OtherID == "9") {
		t.Errorf("%s: the other id is %q: %v", c.Name, decode.OtherID, err)
	}
	if other { // then the body adds nothing
		if strings.Contains(text, `\"`) {
			t.Errorf("%s: %q shows the body", c.Name, text)
		}
		return
	}
	if words := strings.Fields(body); len(words) > 0 && !strings.Contains(text, strings.Trim(fmt.Sprintf("%q", words[0][:min(50, len(words[0]))]), `"…`)) {
		t.Errorf("%s: %q does not show the first bytes", c.Name, text)
	}
}

// TestCutAnywhere: a truncated response never counts as a complete one.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ file, name string }{
		{"contact.json", "Contacts.Get"}, {"contacts.json", "Contacts.List"}, {"contacts_search.json", "Contacts.Search"},
		{"message.json", "Messages.Get"}, {"users.json", "Users.List"}, {"company.json", "Enrichment.Company"}, {"person.json", "Enrichment.Person"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			whole := strings.TrimSpace(string(testkit.Sample(t, tt.file)))
			for _, call := range testkit.Calls {
				if call.Name != tt.name {
					continue
				}
				body := ""
				api := testkit.NewAPI(t).OnFunc(call.Method, call.Path, func(*http.Request) (*http.Response, error) {
					return httpmock.NewStringResponse(200, body), nil
				})
				c := api.Client()
				step := 1
				if tt.file != "contact.json" {
					step = 31
				}
				for cut := 0; cut < len(whole); cut += step {
					body = whole[:cut]
					if v, err := call.Do(t.Context(), c); !errors.Is(err, growthgenius.ErrDecode) {
						t.Fatalf("cut at %d of %d: %v, %v", cut, len(whole), v, err)
					}
				}
				body = whole
				if _, err := call.Do(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestDoDecodeErrors: Client.Do returns the same errors.
func TestDoDecodeErrors(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "<html>", `{"a":`, `[]`, `{"a":"x","error":"locked"}`} {
		api := testkit.NewAPI(t).On("GET", "/new", 200, body).On("POST", "/new", 200, body)
		var out struct{ A int }
		err := api.Client().Do(t.Context(), "GET", "/new", nil, nil, &out)
		testkit.OnlyIs(t, err, growthgenius.ErrDecode)
		if !strings.Contains(err.Error(), "GET /new") {
			t.Errorf("%v", err)
		}
		testkit.OnlyIs(t, api.Client().Do(t.Context(), "POST", "/new", nil, nil, &out), growthgenius.ErrOutcomeUnknown)
		// Without out, the body may be anything but a page of HTML, which is from a proxy, and an
		// error.
		page := strings.HasPrefix(body, "<") || strings.Contains(body, "error")
		if err := api.Client().Do(t.Context(), "GET", "/new", nil, nil, nil); errors.Is(err, growthgenius.ErrDecode) != page || err != nil != page {
			t.Errorf("%q: %v", body, err)
		}
		if err := api.Client().Do(t.Context(), "POST", "/new", nil, nil, nil); errors.Is(err, growthgenius.ErrOutcomeUnknown) != page || err != nil != page {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestDeleteTakesAnyAnswer: its response is not documented, so any JSON will do, and none at
// all. JSON that reports an error is one, though.
func TestDeleteTakesAnyAnswer(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		"": nil, " ": nil, "null": nil, `{}`: nil, `{"success":true,"error":null}`: nil, `{"contact":{"id":9}}`: nil,
		string(testkit.Sample(t, "messages_delete.json")): nil,
		`{"id":1,"status":"failed"}`:                      nil, // of a message
		`{"error":"contact is locked"}`:                   growthgenius.ErrDecode,
		`{"errors":[{"message":"contact is locked"}]}`:    growthgenius.ErrDecode,
		`{"success":false}`:                               growthgenius.ErrDecode,
		`{"id":"7f","error":{"type":"locked"}}`:           growthgenius.ErrDecode,
		`{"status":"error"}`:                              growthgenius.ErrDecode,
		`{"status":409}`:                                  growthgenius.ErrDecode,
	} {
		for _, status := range []int{200, 202, 203, 204} {
			api := testkit.NewAPI(t).On("DELETE", "/contacts/1", status, body).On("DELETE", "/messages/1", status, body)
			c := api.Client()
			for way, err := range map[string]error{
				"contact": c.Contacts.Delete(t.Context(), "1"), "message": c.Messages.Delete(t.Context(), "1"),
				"raw": c.Do(t.Context(), "DELETE", "/contacts/1", nil, nil, nil),
			} {
				if !errors.Is(err, want) || (err == nil) != (want == nil) {
					t.Errorf("%s, %d %q: %v", way, status, body, err)
				}
				if sent := len(api.Requests); sent > 3 {
					t.Errorf("%d %q: %d requests", status, body, sent)
				}
			}
		}
	}
	api := testkit.NewAPI(t).On("DELETE", "/contacts/1", 404, "")
	testkit.OnlyIs(t, api.Client().Contacts.Delete(t.Context(), "1"), growthgenius.ErrNotFound)
}

// TestErrorTextsArePrintable, whatever bytes a response has.
func TestErrorTextsArePrintable(t *testing.T) {
	t.Parallel()
	var garbage []byte
	for b := range 256 {
		garbage = append(garbage, byte(b))
	}
	for _, status := range []int{200, 400} {
		start := 0
		api := testkit.NewAPI(t).OnFunc("GET", "/users", func(*http.Request) (*http.Response, error) {
			return httpmock.NewBytesResponse(status, garbage[start:]), nil
		})
		c := api.Client()
		for ; start < len(garbage); start++ {
			_, err := c.Users.List(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			for _, r := range err.Error() {
				if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
					t.Fatalf("%d from %#x: %q in %q", status, start, r, err)
				}
			}
		}
	}
}

// FuzzErrorBody: whatever body an error response has, the text of the error is printable and
// small, and lacks the key.
func FuzzErrorBody(f *testing.F) {
	for _, name := range []string{"error_message.json", "error_object.json", "error_string.json", "errors_fields.json", "errors_list.json", "message.json", "page.html", "plain.txt"} {
		f.Add(400, testkit.Sample(f, "errors/"+name))
	}
	f.Add(302, []byte(`{"errors":[{"field":"a","message":"`+testkit.Secret+`"},{"errors":{"b":[{"error":{"type":5}}]}}]}`))
	f.Add(500, []byte("<html>\u212a\xff<script>"+testkit.Secret+"</script"))
	for _, key := range testkit.Echoes() {
		f.Add(422, []byte(`{"errors":{"`+key+`":["`+key+`"]}}`))
	}
	var response *http.Response
	c := testkit.Fuzzed(f, testkit.TransportFunc(func(*http.Request) (*http.Response, error) { return response, nil }))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		response = testkit.Reply(status, string(body))
		e, ok := errors.AsType[*growthgenius.APIError](testkit.Err(c.Users.List(t.Context())))
		if !ok {
			if status < 200 || status > 299 {
				t.Fatalf("status %d is not an APIError", status)
			}
			return
		}
		text := e.Error()
		if len(e.Body) > maxErrorBody || len(text) > 4*maxErrorJSON {
			t.Fatalf("%d bytes of body, %d of text", len(e.Body), len(text))
		}
		for _, r := range text {
			if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
				t.Fatalf("%q in %q", r, text)
			}
		}
		if strings.Contains(text, testkit.Key) || strings.Contains(string(e.Body), testkit.Key) || strings.Contains(fmt.Sprintf("%+v", *e), testkit.Key) {
			t.Fatalf("the key is in %q", text)
		}
	})
}
