package growthgenius

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestBadInput: what cannot work is refused before anything is sent, in words that say
// what to do instead.
func TestBadInput(t *testing.T) {
	t.Parallel()
	c := unused(t)
	later := time.Date(2021, 1, 2, 0, 0, 0, 0, time.UTC)
	in, msg := ContactInput{Name: Set("x")}, MessageInput{MessageType: Set("call")}
	tests := []struct {
		name, want string
		call       func(context.Context) error
	}{
		{"contacts from after to", "is after To", func(ctx context.Context) error {
			return second(c.Contacts.List(ctx, ListOptions{From: later, To: later.Add(-time.Second)}))
		}},
		{"messages from after to", "is after To", func(ctx context.Context) error {
			return second(c.Messages.List(ctx, ListOptions{From: later, To: later.Add(-time.Second)}))
		}},
		{"from in a far future", "is after To", func(ctx context.Context) error {
			return second(c.Messages.List(ctx, ListOptions{From: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}))
		}},
		{"negative page", "neither may be negative", func(ctx context.Context) error {
			return second(c.Contacts.Search(ctx, SearchOptions{Page: -1}))
		}},
		{"negative per_page", "neither may be negative", func(ctx context.Context) error {
			return second(c.Contacts.Search(ctx, SearchOptions{PerPage: -1}))
		}},
		{"search with what cannot be encoded", "cannot be encoded", func(ctx context.Context) error {
			return second(c.Contacts.Search(ctx, SearchOptions{Extra: map[string]any{"f": func() {}}}))
		}},
		{"create with what cannot be encoded", "cannot be encoded", func(ctx context.Context) error {
			return second(c.Contacts.Create(ctx, ContactInput{Extra: map[string]any{"f": make(chan int)}}))
		}},
		{"create with broken raw JSON", "cannot be encoded", func(ctx context.Context) error {
			return second(c.Contacts.Create(ctx, ContactInput{Lists: Set(raw(`[1`))}))
		}},
		{"text that is no UTF-8", "the text \"Jos\\xe9\" is not UTF-8", func(ctx context.Context) error {
			return second(c.Contacts.Create(ctx, ContactInput{FirstName: Set("Jos\xe9")}))
		}},
		{"upsert with text that is no UTF-8", "is not UTF-8", func(ctx context.Context) error {
			return second(c.Contacts.Upsert(ctx, ContactInput{Email: Set("jos\xe9@example.com")}))
		}},
		{"user_id in a query", "use AsUser", func(ctx context.Context) error {
			return c.Do(ctx, "GET", "/x", url.Values{"user_id": {"1"}}, nil, nil)
		}},
		{"query that is none", "the query", func(ctx context.Context) error { return c.Do(ctx, "GET", "/x", 5, nil, nil) }},
		{"body that cannot be encoded", "cannot be encoded", func(ctx context.Context) error {
			return c.Do(ctx, "PUT", "/x", nil, func() {}, nil)
		}},
		{"out that is no pointer", "it must be a pointer", func(ctx context.Context) error {
			return c.Do(ctx, "POST", "/x", nil, nil, Contact{})
		}},
		{"out that is a nil pointer", "it must be a pointer", func(ctx context.Context) error {
			return c.Do(ctx, "POST", "/x", nil, nil, (*Contact)(nil))
		}},
		{"no acting user", "WithUserID", func(ctx context.Context) error { return second(c.ForUser("").Contacts.Get(ctx, "1")) }},
		{"no acting user in an option", "AsUser", func(ctx context.Context) error { return second(c.Contacts.Get(ctx, "1", AsUser(""))) }},
		{"no acting user, current", "WithUserID", func(ctx context.Context) error { return second(c.ForUser("").Users.Current(ctx)) }},
		{"no acting user, raw", "Client.ForUser", func(ctx context.Context) error { return c.ForUser("").Do(ctx, "GET", "/x", nil, nil, nil) }},
		{"second option refused", "may not set Host", func(ctx context.Context) error {
			return c.Contacts.Delete(ctx, "1", WithHeader("X-A", "b"), WithHeader("host", "evil.example.com"), WithHeader("Accept", "x"))
		}},
	}
	for _, id := range []ID{"", ".", ".."} {
		for name, call := range map[string]func(context.Context) error{
			"Contacts.Get":    func(ctx context.Context) error { return second(c.Contacts.Get(ctx, id)) },
			"Contacts.Update": func(ctx context.Context) error { return second(c.Contacts.Update(ctx, id, in)) },
			"Contacts.Delete": func(ctx context.Context) error { return c.Contacts.Delete(ctx, id) },
			"Messages.Get":    func(ctx context.Context) error { return second(c.Messages.Get(ctx, id)) },
			"Messages.Update": func(ctx context.Context) error { return second(c.Messages.Update(ctx, id, msg)) },
			"Messages.Delete": func(ctx context.Context) error { return c.Messages.Delete(ctx, id) },
		} {
			tests = append(tests, struct {
				name, want string
				call       func(context.Context) error
			}{fmt.Sprintf("%s of %q", name, id), "the id", call})
		}
	}
	for _, call := range apiCalls {
		if call.name == "Users.List" {
			continue
		}
		tests = append(tests, struct {
			name, want string
			call       func(context.Context) error
		}{"no user, " + call.name, "give WithUserID to NewClient, or use Client.ForUser or AsUser", func(ctx context.Context) error {
			return second(call.do(ctx, c.ForUser("")))
		}})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.call(t.Context())
			onlyIs(t, err, ErrInvalidInput)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "growthgenius: ") {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestRawPaths: the key must not go anywhere but below the base URL.
func TestRawPaths(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"", "users", "https://evil.example.com/", "http://127.0.0.1/x", "//evil.example.com", "///evil.example.com", "@evil.example.com/", ":80/x",
		"/..", "/.", "/../x", "/x/..", "/x/../y", "/x/./y", "/x/.", "/%2e%2e/x", "/x/%2E%2e", "/x/%2e", "/.%2e/x", "/%2e%2e%2fx", "/x%2f..%2fy", "/x/..%5cy",
		`/x\y`, `\\evil`, `/\evil.example.com`, "/%5c..%5cx", "/x?user_id=2", "/x#y", "/x y", "/x\ty", "/x\r\nX-Evil: 1", "/x\x00", "/x\x7f", "/%", "/%zz", "/x/%2",
		"/é", "/é%2f..%2fusers", `/"`, "/{id}", "/a|b", "/a^b", "/<x>", "/\xff",
	} {
		c := unused(t)
		for _, method := range []string{"GET", "POST"} {
			err := c.Do(t.Context(), method, path, nil, nil, nil)
			onlyIs(t, err, ErrInvalidInput)
		}
		if _, err := NewClient("key", WithPersonPath(path)); !errors.Is(err, ErrInvalidInput) || !strings.Contains(err.Error(), "WithPersonPath") {
			t.Errorf("WithPersonPath(%q): %v", path, err)
		}
	}
	for path, sent := range map[string]string{
		"/x": "/x", "/": "/", "/a%2Fb/%C3%A9": "/a%2Fb/%C3%A9", "/a.b/..c/...": "/a.b/..c/...", "/a:b@c;d=e,f+g!$&'()*~": "/a:b@c;d=e,f+g!$&'()*~", "/a%20b%3Fc%23": "/a%20b%3Fc%23", "/a/": "/a/",
	} {
		c, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.RequestURI != sent+"?user_id=1" {
				t.Errorf("%q is sent as %q", path, r.RequestURI)
			}
		})
		if err := c.Do(t.Context(), "GET", path, nil, nil, nil); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// TestHostileIDs: an id is one segment of the path, whatever it is made of.
func TestHostileIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []ID{"../users", "a/b", "..%2fx", "%2e%2e", "?x=1", "#x", "a b", "é", "\\..\\x", "\r\nX-Evil: 1", "...", "%", "{id}", "\xff"} {
		c, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			segments := strings.Split(strings.TrimPrefix(strings.TrimSuffix(r.RequestURI, "?user_id=1"), "/"), "/")
			if len(segments) != 2 || segments[0] != "contacts" || r.Header.Get("X-Evil") != "" {
				t.Errorf("%q is sent as %q", id, r.RequestURI)
				return
			}
			if got, err := url.PathUnescape(segments[1]); err != nil || got != string(id) {
				t.Errorf("%q arrives as %q", id, got)
			}
		})
		if err := c.Contacts.Delete(t.Context(), id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestMethods: a raw call has a method that is one.
func TestMethods(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"", " ", "GE T", "GET\r\n", "GET /evil HTTP/1.1", "ÄNDERN", "G\x00T"} {
		err := unused(t).Do(t.Context(), method, "/x", nil, nil, nil)
		onlyIs(t, err, ErrInvalidInput)
		if err == nil || !strings.Contains(err.Error(), "the method") {
			t.Errorf("%q: %v", method, err)
		}
	}
}

// TestHeadersOfOurs: no call may set them, in any spelling.
func TestHeadersOfOurs(t *testing.T) {
	t.Parallel()
	for name := range ownHeaders {
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name), " " + name + "\t"} {
			err := second(unused(t).Contacts.Get(t.Context(), "1", WithHeader(spelling, "x")))
			onlyIs(t, err, ErrInvalidInput)
			if err == nil || !strings.Contains(err.Error(), "WithHeader may not set "+name+": ") {
				t.Errorf("%q: %v", spelling, err)
			}
		}
	}
	for _, name := range []string{"Authorization", "Host", "Idempotency-Key", "X-Idempotency-Key"} {
		if ownHeaders[name] == "" {
			t.Errorf("%s may be set", name)
		}
	}
}

// TestHeaderInjection: neither a name nor a value may start another header.
func TestHeaderInjection(t *testing.T) {
	t.Parallel()
	for _, h := range [][2]string{
		{"", "x"}, {" ", "x"}, {"X A", "x"}, {"X:A", "x"}, {"X-A\r\nY", "x"}, {"Ä", "x"}, {"X\x00", "x"}, {"(X)", "x"}, {"Authorization\u00a0", "x"},
		{"X-A", "x\r\nAuthorization: y"}, {"X-A", "x\ny"}, {"X-A", "x\ry"}, {"X-A", "x\x00"}, {"X-A", "\x7f"},
	} {
		onlyIs(t, second(unused(t).Contacts.Get(t.Context(), "1", WithHeader(h[0], h[1]))), ErrInvalidInput)
	}
	for _, agent := range []string{"x\r\ny: z", "x\x00"} {
		if _, err := NewClient("key", WithUserAgent(agent)); !errors.Is(err, ErrInvalidInput) {
			t.Errorf("%q: %v", agent, err)
		}
	}
}

// TestOptionsThatCannotWork are errors of NewClient that name the option.
func TestOptionsThatCannotWork(t *testing.T) {
	t.Parallel()
	nan := func() float64 { var zero float64; return zero / zero }
	for want, opt := range map[string]Option{
		"WithUserID: ":              WithUserID(""),
		"blanks around":             WithUserID(" 4"),
		"WithHTTPClient: ":          WithHTTPClient(nil),
		"WithRateLimit(0, 1)":       WithRateLimit(0, 1),
		"WithRateLimit(-1, 1)":      WithRateLimit(-1, 1),
		"WithRateLimit(NaN, 1)":     WithRateLimit(nan(), 1),
		"WithRateLimit(1, 0)":       WithRateLimit(1, 0),
		"WithLimiter: ":             WithLimiter(nil),
		"WithRetry":                 WithRetry(RetryPolicy{MaxAttempts: -1}),
		"WithRetry: ":               WithRetry(RetryPolicy{MinBackoff: 2, MaxBackoff: 1}),
		"WithAttemptTimeout(0s)":    WithAttemptTimeout(0),
		"WithMaxResponseBytes(0)":   WithMaxResponseBytes(0),
		"WithMaxResponseBytes(-1)":  WithMaxResponseBytes(-1),
		"WithLogger: ":              WithLogger(nil),
		"the base URL must be like": WithBaseURL(""),
	} {
		c, err := NewClient("key", opt)
		if c != nil || !errors.Is(err, ErrInvalidInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := NewClient("key", nil, WithUserID("1"), nil); err != nil {
		t.Errorf("nil options: %v", err)
	}
	api := newMockAPI(t).on("GET", "/users", 200, `{"users":[]}`)
	if _, err := api.client().Users.List(t.Context(), nil, NoRetry(), nil); err != nil {
		t.Errorf("nil request options: %v", err)
	}
}

// TestNewClientFromEnv is not parallel: the environment is one for all.
func TestNewClientFromEnv(t *testing.T) { //nolint:paralleltest // see above
	const key, id, base = "GROWTHGENIUS_API_KEY", "GROWTHGENIUS_USER_ID", "GROWTHGENIUS_BASE_URL"
	for _, tt := range []struct {
		name string
		env  map[string]string
		opts []Option
		want string // of the client as text, or of the error
	}{
		{"no key", nil, nil, "GROWTHGENIUS_API_KEY is not set"},
		{"no key, but options", map[string]string{id: "1"}, []Option{WithUserID("1")}, "GROWTHGENIUS_API_KEY is not set"},
		{"key", map[string]string{key: "k"}, nil, `Client(https://api.growthgenius.com/integrations/v1, user "")`},
		{"a newline", map[string]string{key: secret + "\n"}, nil, "a newline from the file it was read from?"},
		{"all", map[string]string{key: "k", id: "7", base: "http://localhost:1/"}, nil, `Client(http://localhost:1, user "7")`},
		{"bad base", map[string]string{key: "k", base: "http://example.com"}, nil, "plain http"},
		{"options win", map[string]string{key: "k", id: "7", base: "http://example.com"}, []Option{WithBaseURL("https://example.com/v2"), WithUserID("8")}, `Client(https://example.com/v2, user "8")`},
		{"one option wins", map[string]string{key: "k", id: "7", base: "https://example.com"}, []Option{WithUserID("8")}, `Client(https://example.com, user "8")`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{key, id, base} {
				t.Setenv(name, tt.env[name])
			}
			c, err := NewClientFromEnv(tt.opts...)
			got := fmt.Sprint(c)
			if err != nil {
				got = err.Error()
				onlyIs(t, err, ErrInvalidInput)
				noSecret(t, "the error", got)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("%s, want %q", got, tt.want)
			}
		})
	}
}

// TestDomains: one form for each domain, and an error for what is none.
func TestDomains(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"tesla.com": "tesla.com", " Tesla.COM\n": "tesla.com", "www.tesla.com": "tesla.com", "WWW.Tesla.com": "tesla.com", "www.www.tesla.com": "tesla.com",
		"https://tesla.com": "tesla.com", "HTTP://www.tesla.com:8080/about?x=http://other.com#y": "tesla.com", "//tesla.com/x": "tesla.com", "tesla.com/a//b": "tesla.com",
		"tesla.com?u=https://other.com": "tesla.com", "tesla.com:443": "tesla.com", "tesla.com.": "tesla.com", "https://tesla.com./": "tesla.com",
		"münchen.de": "xn--mnchen-3ya.de", "MÜNCHEN.de": "xn--mnchen-3ya.de", "xn--mnchen-3ya.de": "xn--mnchen-3ya.de", "www。ｔｅｓｌａ。com": "tesla.com", "例え.jp": "xn--r8jz45g.jp",
		"www.com": "www.com", "www.co.uk": "co.uk", "a.b.c.example.co.uk": "a.b.c.example.co.uk", "1.2.3.4": "1.2.3.4",
		"": "", " ": "", "https://": "", "/": "", ".": "", "..": "", "tesla.com..": "", ".tesla.com": "", "tesla..com": "", "tesla com": "", "tesla.com\x00": "",
		"elon@tesla.com": "", "https://user@tesla.com": "", "-tesla.com": "", "tes_la.com": "", "tesla.com:https": "", "[::1]": "", "[::1]:80": "", "tesla,com": "", "a\tb.com": "", "tesla.com:80:90": "", "xn--a.com": "",
	} {
		got, err := cleanDomain(in)
		if got != want || (want == "") != errors.Is(err, ErrInvalidInput) {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
		if want == "" {
			onlyIs(t, second(unused(t).Enrichment.Company(t.Context(), in)), ErrInvalidInput)
		}
	}
	_, err := cleanDomain("elon@tesla.com")
	if err == nil || !strings.Contains(err.Error(), "use Person") {
		t.Errorf("%v", err)
	}
}

// TestPersonQueries: an e-mail, or a name and a company.
func TestPersonQueries(t *testing.T) {
	t.Parallel()
	c := unused(t)
	for _, q := range []PersonQuery{
		{}, {Email: " "}, {Email: "elon"}, {Email: "@tesla.com"}, {Email: "elon@"}, {Email: "elon musk@tesla.com"}, {Email: "a@b.c\r\nx"}, {FirstName: "Elon"}, {FirstName: "Elon", LastName: "Musk"},
		{AccountName: "Tesla"}, {WebsiteURL: "tesla.com"}, {FirstName: " ", AccountName: "Tesla"}, {LastName: "Musk", AccountName: " "}, {Email: "nobody", LastName: "Musk", AccountName: "Tesla"},
	} {
		_, err := c.Enrichment.Person(t.Context(), q)
		onlyIs(t, err, ErrInvalidInput)
		if err == nil || !strings.Contains(err.Error(), "e-mail") {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for _, q := range []PersonQuery{{Email: "a@b"}, {LastName: "Musk", WebsiteURL: "tesla.com"}, {FirstName: "Elon", AccountName: "Tesla"}} {
		if _, err := q.clean(); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
}
