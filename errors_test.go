package growthgenius

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/jarcoal/httpmock"
)

var sentinels = []error{
	ErrInvalidInput, ErrBadRequest, ErrUnauthorized, ErrForbidden, ErrNotFound, ErrConflict, ErrValidation, ErrRateLimited, ErrServer,
	ErrPending, ErrRedirected, ErrDecode, ErrResponseTooLarge, ErrOutcomeUnknown, context.Canceled, context.DeadlineExceeded,
}

// onlyIs fails unless err matches the sentinel and no other.
func onlyIs(t *testing.T, err, want error) {
	t.Helper()
	for _, sentinel := range sentinels {
		if got := errors.Is(err, sentinel); got != (sentinel == want) {
			t.Errorf("errors.Is(%q, %q) is %v", err, sentinel, got)
		}
	}
}

// TestStatusErrors: each status has its sentinel and no other.
func TestStatusErrors(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{
		300: ErrRedirected, 304: ErrRedirected, 399: ErrRedirected,
		400: ErrBadRequest, 401: ErrUnauthorized, 402: nil, 403: ErrForbidden, 404: ErrNotFound, 405: nil, 408: nil, 409: ErrConflict, 410: nil,
		418: nil, 422: ErrValidation, 429: ErrRateLimited, 451: nil, 499: nil, 500: ErrServer, 501: ErrServer, 502: ErrServer, 503: ErrServer, 599: ErrServer, 600: ErrServer,
	} {
		for _, call := range reads() {
			api := newMockAPI(t).on(call.method, call.path, status, `{"error":"no luck"}`)
			_, err := call.do(t.Context(), api.client())
			onlyIs(t, err, want)
			e, ok := errors.AsType[*APIError](err)
			if !ok {
				t.Fatalf("%s at %d: %T: %v", call.name, status, err, err)
			}
			if e.StatusCode != status || e.Method != call.method || e.Route != call.route || (want != ErrRedirected && e.Message != "no luck") {
				t.Errorf("%s at %d: %+v", call.name, status, e)
			}
			if text := fmt.Sprintf("growthgenius: %s %s: %d ", call.method, call.route, status); !strings.HasPrefix(err.Error(), text) {
				t.Errorf("%q does not start with %q", err, text)
			}
		}
	}
}

// TestPending: a queued lookup is no success, another call's 202 is.
func TestPending(t *testing.T) {
	t.Parallel()
	api := newMockAPI(t).on("GET", "/companies/find", 202, "").on("GET", "/people/find", 202, `{"message":"queued"}`).
		on("PATCH", "/contacts/1", 202, `{"contact":{"id":1}}`).on("DELETE", "/contacts/1", 202, "")
	c := api.client()
	_, err := c.Enrichment.Company(t.Context(), "tesla.com")
	onlyIs(t, err, ErrPending)
	_, err = c.Enrichment.Person(t.Context(), PersonQuery{Email: "a@b.c"})
	onlyIs(t, err, ErrPending)
	if _, err := c.Contacts.Update(t.Context(), "1", ContactInput{Name: Set("x")}); err != nil {
		t.Error(err)
	}
	if err := c.Contacts.Delete(t.Context(), "1"); err != nil {
		t.Error(err)
	}
}

// TestErrorBodies: every usual shape of an error body, since none is documented.
func TestErrorBodies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string // or the name of a file in testdata/errors
		want APIError
	}{
		{"error_string.json", APIError{Message: "Contact not found"}},
		{"error_object.json", APIError{Message: "user_id is required", Code: "invalid_request"}},
		{"errors_list.json", APIError{Message: "Email is invalid; First name can't be blank"}},
		{"errors_fields.json", APIError{Fields: map[string][]string{"email": {"is invalid"}}}},
		{"message.json", APIError{Message: "Internal server error"}},
		{"error_message.json", APIError{Message: "Rate limit exceeded"}},
		{"plain.txt", APIError{Message: "Service temporarily unavailable"}},
		{"page.html", APIError{Message: "502 Bad Gateway 502 Bad Gateway"}},
		{``, APIError{}},
		{`{}`, APIError{}},
		{`null`, APIError{Message: "null"}},
		{`"just text"`, APIError{Message: "just text"}},
		{`"quoted" but not JSON`, APIError{Message: `"quoted" but not JSON`}},
		{`{not JSON}`, APIError{Message: "{not JSON}"}},
		{`{"error":"cut sh`, APIError{Message: `{"error":"cut sh`}},
		{`[{"message":"a list"}]`, APIError{Message: `[{"message":"a list"}]`}},
		{`{"error":{"code":1203,"message":"boom"}}`, APIError{Message: "boom", Code: "1203"}},
		{`{"error":true,"message":"boom"}`, APIError{Message: "boom"}},
		{`{"error":"invalid_grant","error_description":"expired"}`, APIError{Message: "expired", Code: "invalid_grant"}},
		{`{"code":"E1","detail":"boom"}`, APIError{Message: "boom", Code: "E1"}},
		{`{"errors":"boom"}`, APIError{Message: "boom"}},
		{`{"errors":[{"field":"email","message":"is bad"},{"field":"email","message":"is taken"},{"title":"boom","code":7},5,null,[]]}`,
			APIError{Message: "boom; 5", Code: "7", Fields: map[string][]string{"email": {"is bad", "is taken"}}}},
		{`{"errors":{"email":"is bad","name":[{"message":"is short"},"is odd"],"age":null,"x":{}}}`,
			APIError{Fields: map[string][]string{"email": {"is bad"}, "name": {"is short", "is odd"}}}},
		{`{"errors":{"email":null}}`, APIError{}},
		{`{"errors":[{"field":"email"}]}`, APIError{}},
		{`{"message":{"a":1},"errors":{"base":["boom"]}}`, APIError{Fields: map[string][]string{"base": {"boom"}}}},
		{"{\"message\":\"a\\u001b[31mb\\u0000c\\u202e\"}", APIError{Message: "a\ufffd[31mb\ufffdc\ufffd"}},
		{"\xff\xfe\x00\x01<>", APIError{Message: "\ufffd\ufffd\ufffd\ufffd<>"}},
		{"<HTML><style>p{}</style><SCRIPT>x<y</SCRIPT><p>Gone &amp; lost", APIError{Message: "Gone &amp; lost"}},
		{"<html>" + strings.Repeat("\u212a", 50) + "<b>\xff\xff</b>", APIError{Message: strings.Repeat("\u212a", 50) + " \ufffd\ufffd"}},
	} {
		t.Run(tt.body, func(t *testing.T) {
			t.Parallel()
			body := tt.body
			if strings.HasSuffix(body, ".json") || strings.HasSuffix(body, ".txt") || strings.HasSuffix(body, "page.html") {
				body = string(sample(t, "errors/"+body))
			}
			api := newMockAPI(t).on("GET", "/contacts/1", 400, body)
			_, err := api.client().Contacts.Get(t.Context(), "1")
			got, ok := errors.AsType[*APIError](err)
			if !ok {
				t.Fatalf("%T: %v", err, err)
			}
			want := tt.want
			want.StatusCode, want.Method, want.Route, want.Body = 400, "GET", "/contacts/{id}", []byte(body)
			if diff := cmp.Diff(&want, got, cmpopts.EquateEmpty()); diff != "" {
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

// TestErrorHeaders: what an error takes from the headers.
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
		api := newMockAPI(t).onFunc("GET", "/users", func(*http.Request) (*http.Response, error) {
			res := httpmock.NewStringResponse(400, "")
			res.Header = tt.header
			return res, nil
		})
		_, err := api.client().Users.List(t.Context())
		e, ok := errors.AsType[*APIError](err)
		if !ok || e.RequestID != tt.wantID || e.RetryAfter != tt.wantRetry {
			t.Fatalf("%v: %+v", tt.header, e)
		}
		if text := err.Error(); !strings.Contains(text, tt.inText) || strings.Contains(text, tt.notInTex) {
			t.Errorf("%q", text)
		}
	}
}

// TestUnusableAnswers: a success whose body is none says so, names the route and shows
// what came; for a create it leaves the outcome open.
func TestUnusableAnswers(t *testing.T) {
	t.Parallel()
	page := string(sample(t, "errors/page.html"))
	for _, tt := range []struct {
		name, body, want string
		skip             func(call) bool
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
		{"another id", `{"user":{"id":9},"contact":{"id":9},"message":{"id":9}}`, "another record", func(c call) bool { return !strings.Contains(c.route, "{id}") }},
		{"no id", `{"contact":{"name":"x"},"message":{"message_type":"x"}}`, "no id", func(c call) bool { return isList(c) || c.method == "GET" && !strings.Contains(c.route, "{id}") }},
		{"two others", `{"contacts":[{"id":8},{"id":9}],"messages":[{"id":8},{"id":9}]}`, "2 records", func(c call) bool {
			return isList(c) || c.method == "GET" && !strings.Contains(c.route, "{id}")
		}},
		{"something after it", `{"users":[],"contacts":[{"id":1102755}],"messages":[{"id":393642}],"id":"x"} {}`, "", nil},
		{"something after an odd field", `{"users":[],"contacts":[{"id":1102755,"name":5}],"messages":[{"id":393642}],"id":"x","name":5} 0`, "", nil},
		{"too deep", strings.Repeat(`{"contact":`, 1e5), "", nil},
		{"too deep beside the envelope", `{"x":` + strings.Repeat(`[`, 1e5), "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, call := range apiCalls {
				if tt.skip != nil && tt.skip(call) {
					continue
				}
				api := newMockAPI(t).on(call.method, call.path, 200, tt.body)
				_, err := call.do(t.Context(), api.client())
				checkUnusable(t, call, err, tt.body, tt.want)
			}
		})
	}
}

func isList(c call) bool {
	return strings.HasSuffix(c.name, "List") || strings.HasSuffix(c.name, "Search")
}

func checkUnusable(t *testing.T, c call, err error, body, want string) {
	t.Helper()
	decode, ok := errors.AsType[*DecodeError](err)
	if c.creates {
		onlyIs(t, err, ErrOutcomeUnknown)
		unknown, isUnknown := errors.AsType[*OutcomeUnknownError](err)
		if ok || !isUnknown {
			t.Fatalf("%s: %T: %v", c.name, err, err)
		}
		decode, ok = errors.AsType[*DecodeError](unknown.Last)
	} else {
		onlyIs(t, err, ErrDecode)
	}
	if !ok {
		t.Fatalf("%s: %T: %v", c.name, err, err)
	}
	if decode.StatusCode != 200 || decode.Method != c.method || decode.Route != c.route || decode.Reason == "" || !strings.Contains(decode.Reason, want) {
		t.Errorf("%s: %+v", c.name, decode)
	}
	if !strings.HasPrefix(body, string(decode.Body)) || (len(decode.Body) < len(body) && len(decode.Body) < redact.MaxBody) {
		t.Errorf("%s: Body is %.100q of %.100q", c.name, decode.Body, body)
	}
	text := err.Error()
	if !strings.Contains(text, c.method+" "+c.route) || len(text) > 2048 {
		t.Errorf("%s: %.3000q", c.name, text)
	}
	if words := strings.Fields(body); len(words) > 0 && !strings.Contains(text, strings.Trim(fmt.Sprintf("%q", redact.Clip(words[0], 50)), `"…`)) {
		t.Errorf("%s: %q does not show the first bytes", c.name, text)
	}
}

// TestCutAnywhere: an answer that ends too early is never taken for a whole one.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ file, name string }{
		{"contact.json", "Contacts.Get"}, {"contacts.json", "Contacts.List"}, {"contacts_search.json", "Contacts.Search"},
		{"message.json", "Messages.Get"}, {"users.json", "Users.List"}, {"company.json", "Enrichment.Company"}, {"person.json", "Enrichment.Person"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			whole := strings.TrimSpace(string(sample(t, tt.file)))
			for _, call := range apiCalls {
				if call.name != tt.name {
					continue
				}
				body := ""
				api := newMockAPI(t).onFunc(call.method, call.path, func(*http.Request) (*http.Response, error) {
					return httpmock.NewStringResponse(200, body), nil
				})
				c := api.client()
				step := 1
				if tt.file != "contact.json" {
					step = 31
				}
				for cut := 0; cut < len(whole); cut += step {
					body = whole[:cut]
					if v, err := call.do(t.Context(), c); !errors.Is(err, ErrDecode) {
						t.Fatalf("cut at %d of %d: %v, %v", cut, len(whole), v, err)
					}
				}
				body = whole
				if _, err := call.do(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestDoDecodeErrors: the raw call has the same errors.
func TestDoDecodeErrors(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "<html>", `{"a":`, `[]`} {
		api := newMockAPI(t).on("GET", "/new", 200, body).on("POST", "/new", 200, body)
		var out struct{ A int }
		err := api.client().Do(t.Context(), "GET", "/new", nil, nil, &out)
		onlyIs(t, err, ErrDecode)
		if !strings.Contains(err.Error(), "GET /new") {
			t.Errorf("%v", err)
		}
		onlyIs(t, api.client().Do(t.Context(), "POST", "/new", nil, nil, &out), ErrOutcomeUnknown)
		// An answer that nobody wants may be anything but somebody else's.
		page := strings.HasPrefix(body, "<")
		if err := api.client().Do(t.Context(), "GET", "/new", nil, nil, nil); errors.Is(err, ErrDecode) != page || err != nil != page {
			t.Errorf("%q: %v", body, err)
		}
		if err := api.client().Do(t.Context(), "POST", "/new", nil, nil, nil); errors.Is(err, ErrOutcomeUnknown) != page || err != nil != page {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestDeleteTakesAnyAnswer: it is not documented. A page of HTML is a proxy's, though, and
// says nothing about the record.
func TestDeleteTakesAnyAnswer(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "OK", `{"contact":{"id":9}}`, string(sample(t, "messages_delete.json"))} {
		for _, status := range []int{200, 202, 204} {
			api := newMockAPI(t).on("DELETE", "/contacts/1", status, body).on("DELETE", "/messages/1", status, body)
			c := api.client()
			if err := errors.Join(c.Contacts.Delete(t.Context(), "1"), c.Messages.Delete(t.Context(), "1")); err != nil {
				t.Errorf("%d %q: %v", status, body, err)
			}
		}
	}
	page := newMockAPI(t).on("DELETE", "/contacts/1", 200, " <html>")
	onlyIs(t, page.client().Contacts.Delete(t.Context(), "1"), ErrDecode)
	api := newMockAPI(t).on("DELETE", "/contacts/1", 404, "")
	onlyIs(t, api.client().Contacts.Delete(t.Context(), "1"), ErrNotFound)
}

// TestErrorTextsArePrintable, whatever bytes an answer is made of.
func TestErrorTextsArePrintable(t *testing.T) {
	t.Parallel()
	var garbage []byte
	for b := range 256 {
		garbage = append(garbage, byte(b))
	}
	for _, status := range []int{200, 400} {
		start := 0
		api := newMockAPI(t).onFunc("GET", "/users", func(*http.Request) (*http.Response, error) {
			return httpmock.NewBytesResponse(status, garbage[start:]), nil
		})
		c := api.client()
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
