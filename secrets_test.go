package growthgenius

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/jarcoal/httpmock"
)

// The middle of testKey, which no encoding changes except one that escapes letters.
const secret = "SECRET"

var letterEscapes = regexp.MustCompile(`(?i)(?:\\+u00|%(?:25)*|&#x0*)([0-9a-f]{2});?`)

// noSecret fails if text quotes the key, escaped or not.
func noSecret(t *testing.T, where, text string) {
	t.Helper()
	if !strings.ContainsAny(text, `\%&`) && !strings.Contains(text, secret) {
		return
	}
	plain := letterEscapes.ReplaceAllStringFunc(html.UnescapeString(text), func(s string) string {
		n, err := strconv.ParseUint(letterEscapes.FindStringSubmatch(s)[1], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		return string(rune(n))
	})
	if strings.Contains(plain, secret) || strings.Contains(text, secret) {
		t.Errorf("%s quotes the key: %.500s", where, text)
	}
}

// noSecretIn fails if anything that v leads to is the key or has it inside: exported or
// not, printed or not. Functions are the only place where it may be.
func noSecretIn(t *testing.T, where string, v any) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		noSecret(t, where+" as "+verb, fmt.Sprintf(verb, v))
	}
	if data, err := json.Marshal(v); err == nil {
		noSecret(t, where+" as JSON", string(data))
	}
	type visit struct {
		at  uintptr
		typ reflect.Type
	}
	seen := map[visit]bool{}
	var walk func(string, reflect.Value)
	walk = func(at string, v reflect.Value) {
		if len(at) > 2000 {
			return
		}
		switch v.Kind() {
		case reflect.String:
			noSecret(t, at, v.String())
		case reflect.Interface:
			walk(at, v.Elem())
		case reflect.Pointer, reflect.Map, reflect.Slice:
			if v.IsNil() {
				return
			}
			key := visit{v.Pointer(), v.Type()}
			if seen[key] && v.Kind() != reflect.Slice {
				return
			}
			seen[key] = true
			switch v.Kind() {
			case reflect.Pointer:
				walk(at, v.Elem())
			case reflect.Map:
				for iter := v.MapRange(); iter.Next(); {
					walk(at+"[key]", iter.Key())
					walk(at+"[]", iter.Value())
				}
			default:
				if v.Type().Elem().Kind() == reflect.Uint8 {
					noSecret(t, at, string(v.Bytes()))
					return
				}
				for i := range v.Len() {
					walk(at+"[]", v.Index(i))
				}
			}
		case reflect.Array:
			for i := range v.Len() {
				walk(at+"[]", v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(at+"."+v.Type().Field(i).Name, v.Field(i))
			}
		default:
		}
	}
	walk(where, reflect.ValueOf(v))
	if err, ok := v.(error); ok {
		for _, cause := range causes(err) {
			noSecret(t, where+": a cause", cause.Error())
		}
	}
}

// causes are the errors an error wraps, however deep.
func causes(err error) []error {
	var wrapped, all []error
	switch e := err.(type) { //nolint:errorlint // each link is looked at
	case interface{ Unwrap() error }:
		wrapped = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		wrapped = e.Unwrap()
	}
	for _, cause := range wrapped {
		if cause != nil {
			all = append(append(all, cause), causes(cause)...)
		}
	}
	return all
}

// secretLogs are two loggers in one, text and JSON, at the debug level.
func secretLogs(t *testing.T) (*slog.Logger, *logs) {
	t.Helper()
	var out logs
	opts := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	logger := slog.New(slog.NewMultiHandler(slog.NewTextHandler(&out, opts), slog.NewJSONHandler(&out, opts)))
	t.Cleanup(func() { noSecret(t, "the log", out.String()) })
	return logger, &out
}

// TestKeyIsNowhereInTheClient: used or unused, printed in any way, or searched for.
func TestKeyIsNowhereInTheClient(t *testing.T) {
	t.Parallel()
	logger, out := secretLogs(t)
	api := newMockAPI(t).on("GET", "/contacts/1", 200, `{"contact":{"id":1,"odd":1}}`).on("GET", "/contacts/2", 400, `{"error":"bad"}`)
	opts := []Option{WithLogger(logger), WithHTTPClient(&http.Client{Transport: api.transport}), WithUserID("1"), WithRetry(RetryPolicy{MaxAttempts: 1})}
	c, err := NewClient(testKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	var info ResponseInfo
	request := []RequestOption{AsUser("2"), CaptureResponse(&info), WithHeader("X-A", "b"), NoRetry()}
	if _, err := c.Contacts.Get(t.Context(), "1", request...); err != nil {
		t.Fatal(err)
	}
	_, err = c.Contacts.Get(t.Context(), "2")
	for where, v := range map[string]any{
		"client": c, "value": *c, "other user": c.ForUser("5"),
		"users": c.Users, "contacts": c.Contacts, "messages": c.Messages, "enrichment": c.Enrichment,
		"options": opts, "request options": request, "info": info, "error": err, "core": c.caller.core, "redactor": c.caller.core.redact,
	} {
		noSecretIn(t, where, v)
	}
	if !strings.Contains(out.String(), "growthgenius: attempt") || !strings.Contains(fmt.Sprint(c), "api.growthgenius.com") {
		t.Error("the log or the client's text says nothing: the test tests nothing")
	}
	for _, sent := range api.requests {
		if strings.Contains(sent.URL+sent.Body, secret) || sent.Header.Get("Authorization") != testKey {
			t.Errorf("sent %+v", sent)
		}
		sent.Header.Del("Authorization")
		noSecret(t, "another header", fmt.Sprint(sent.Header))
	}
}

// echoes are the ways in which a server writes back what it was sent.
func echoes() map[string]string {
	quoted, _ := json.Marshal(testKey)
	inJSON := string(quoted[1 : len(quoted)-1])
	twice, _ := json.Marshal(string(quoted))
	every := ""
	for _, c := range []byte(testKey) {
		every += fmt.Sprintf(`\u%04X`, c)
	}
	hex := ""
	for _, c := range []byte(testKey) {
		hex += fmt.Sprintf(`&#x%02x;`, c)
	}
	return map[string]string{
		"raw": testKey, "JSON": inJSON, "JSON in JSON": string(twice), "PHP's JSON": strings.ReplaceAll(inJSON, "/", `\/`), "every letter": every,
		"query": url.QueryEscape(testKey), "path": url.PathEscape(testKey), "query twice": url.QueryEscape(url.QueryEscape(testKey)),
		"HTML": html.EscapeString(testKey), "HTML by name": strings.NewReplacer("&", "&amp;", `"`, "&quot;", "'", "&apos;", "<", "&lt;", ">", "&gt;").Replace(testKey),
		"HTML in hex": hex,
	}
}

// TestServerEchoesTheKey: whatever part of an answer quotes the key, in whatever way.
func TestServerEchoesTheKey(t *testing.T) {
	t.Parallel()
	for name, key := range echoes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logger, _ := secretLogs(t)
			var body string
			var status int
			api := newMockAPI(t).onFunc("GET", "/contacts/1", func(*http.Request) (*http.Response, error) {
				res := httpmock.NewStringResponse(status, body)
				res.Header = http.Header{
					"X-Request-Id": {strings.Repeat("x", 110) + key}, "Request-Id": {key}, "Retry-After": {key},
					"Location": {"https://" + url.PathEscape(testKey) + ".example.com/?key=" + key},
				}
				return res, nil
			})
			clients := []*Client{api.client(WithLogger(logger)), api.client(WithStrictDecoding())}
			for _, shape := range []string{
				`%s`, `{"error":"key %s is bad"}`, `{"error":{"code":"%s","message":"x"}}`, `{"errors":{"%s":["%[1]s"]}}`, `{"errors":["%s"]}`,
				`<html><body>%s</body></html>`, `{"contact":{"%s":"%[1]s"}}`, `{"%s":1,"contact":{"name":"x","title":["%[1]s"]}}`, `"%s"`, `{"id":"%s`,
				strings.Repeat("x", redact.MaxBody-10) + `%s`, strings.Repeat("x", redact.MaxFirstWords-5) + `%s`, strings.Repeat("%[1]s", 900), `{"contact":%s}`,
			} {
				body = fmt.Sprintf(shape, key)
				for _, status = range []int{200, 302, 401} {
					for _, c := range clients {
						_, err := c.Contacts.Get(t.Context(), "1")
						if err == nil {
							t.Fatalf("%s %d %s: no error", name, status, body)
						}
						noSecretIn(t, fmt.Sprintf("%s, %d, %.60s", name, status, shape), err)
					}
				}
			}
		})
	}
}

// TestOddFieldNamedLikeTheKey: names of unknown fields are logged.
func TestOddFieldNamedLikeTheKey(t *testing.T) {
	t.Parallel()
	for _, key := range echoes() {
		logger, out := secretLogs(t)
		quoted, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{string(quoted), `"` + strings.Repeat("n", maxFieldName-5) + string(quoted[1:])} {
			api := newMockAPI(t).on("GET", "/contacts/1", 200, `{"contact":{"id":1,`+name+`:1},`+name+`:2}`)
			if _, err := api.client(WithLogger(logger)).Contacts.Get(t.Context(), "1"); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(out.String(), "[redacted]") {
			t.Errorf("%s: %s", key, out.String())
		}
	}
}

// quoting is an error of a transport that shows less than it knows.
type quoting struct{ cause error }

func (quoting) Error() string   { return "no connection" }
func (q quoting) Unwrap() error { return q.cause }

// TestTransportQuotesTheKey: proxies and tracers put the request into their errors.
func TestTransportQuotesTheKey(t *testing.T) {
	t.Parallel()
	for name, quote := range map[string]func(*http.Request) error{
		"plain":   func(r *http.Request) error { return fmt.Errorf("cannot send %v", r.Header) },
		"wrapped": func(r *http.Request) error { return fmt.Errorf("proxy: %w", errors.New(r.Header.Get("Authorization"))) },
		"joined": func(r *http.Request) error {
			return errors.Join(errors.New("a"), errors.New(r.Header.Get("Authorization")))
		},
		"hidden": func(r *http.Request) error { return quoting{cause: errors.New(r.Header.Get("Authorization"))} },
		"hidden 2": func(r *http.Request) error {
			return fmt.Errorf("x: %w", &quoting{cause: &url.Error{Op: "a", URL: testKey, Err: errors.New("b")}})
		},
		"escaped": func(r *http.Request) error { return errors.New(url.QueryEscape(r.Header.Get("Authorization"))) },
		"panicky": func(r *http.Request) error {
			return &url.Error{Op: "Get", URL: "https://x/?k=" + testKey, Err: errors.New("x")}
		},
	} {
		logger, _ := secretLogs(t)
		api := newMockAPI(t)
		answer := func(r *http.Request) (*http.Response, error) { return nil, quote(r) }
		api.onFunc("GET", "/contacts/1", answer).onFunc("POST", "/contacts", answer)
		c := api.client(WithLogger(logger))
		_, err := c.Contacts.Get(t.Context(), "1")
		noSecretIn(t, name, err)
		_, err = c.Contacts.Create(t.Context(), ContactInput{Name: Set("x")})
		noSecretIn(t, name+", create", err)
	}
}

// TestFailedConnectionsKeepTheKey: dials and handshakes that fail.
func TestFailedConnectionsKeepTheKey(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, base := range map[string]string{
		"refused": closed.URL, "unknown authority": encrypted.URL,
		"no TLS": strings.Replace(plain.URL, "http:", "https:", 1), "TLS": strings.Replace(encrypted.URL, "https:", "http:", 1),
	} {
		logger, _ := secretLogs(t)
		transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
		t.Cleanup(transport.CloseIdleConnections)
		c := newTestClient(t, WithBaseURL(base), WithLogger(logger), WithHTTPClient(&http.Client{Transport: transport}))
		_, err := c.Contacts.Get(t.Context(), "1")
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		noSecret(t, name, fmt.Sprintf("%v %+v %#v", err, err, err))
		for _, cause := range causes(err) {
			noSecret(t, name, fmt.Sprintf("%v %+v %#v", cause, cause, cause))
		}
	}
}

// TestKeysThatAreRefused: with the reason, without the key.
func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", " ", "\n", "SECRET\n", " SECRET", "SEC SECRET", "\x00SECRET", "SECRET\r\nX-Evil: 1", "SECRET\x7f", "SECRETé", "SECRET\xff", "\tSECRET", "SECRET\u00a0"} {
		c, err := NewClient(bad)
		if c != nil || !errors.Is(err, ErrInvalidInput) {
			t.Errorf("%q: %v, %v", bad, c, err)
			continue
		}
		noSecretIn(t, "the error", err)
	}
}

// TestBaseURLs: https, and plain http where nobody listens in.
func TestBaseURLs(t *testing.T) {
	t.Parallel()
	for base, ok := range map[string]bool{
		"https://api.example.com": true, "HTTPS://api.example.com/v1/": true, "https://[2001:db8::1]:8443/x": true,
		"http://localhost": true, "http://LOCALHOST:8080/v1": true, "http://127.0.0.1:1": true, "http://127.9.8.7": true, "http://[::1]:80": true,
		"http://api.example.com": false, "http://10.0.0.1": false, "http://0.0.0.0": false, "http://localhost.example.com": false, "http://127.0.0.1.example.com": false,
		"http://localhost@example.com": false, "http://example.com/localhost": false, "http://example.com#localhost": false, "http://[::2]": false, "http://128.0.0.1": false,
		"http://2130706433": false, "http://127.1": false, "": false, "api.example.com": false, "/v1": false, "//api.example.com": false, "ftp://localhost": false,
		"https:api.example.com": false, "https://": false, "https://:443": false, "http://:80": false, "https:///v1": false, "https://user:pw@api.example.com": false,
		"https://api.example.com?key=" + secret: false, "https://api.example.com?": false, "https://api.example.com/#x": false, "https://" + secret + "\x00.com": false,
		"https://api.example.com:" + secret: false, "file:///etc/passwd": false, "javascript:alert(1)": false,
	} {
		c, err := NewClient("key", WithBaseURL(base))
		if (err == nil) != ok || (c != nil) != ok {
			t.Errorf("%q: %v", base, err)
		}
		if err != nil {
			if !errors.Is(err, ErrInvalidInput) || !strings.Contains(err.Error(), "base URL") {
				t.Errorf("%q: %v", base, err)
			}
			noSecret(t, "the error", err.Error())
		}
	}
}

// TestRedirectsAreNotFollowed: whatever the status, and wherever they lead.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var strayed atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{other.URL + "/contacts/1?key=", strings.Replace(other.URL, "127.0.0.1", "localhost", 1) + "/", "/elsewhere?key=", "//example.com/", ""} {
			logger, _ := secretLogs(t)
			c, _ := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.URL.Path, "/contacts/") {
					strayed.Add(1)
				}
				if to != "" {
					w.Header().Set("Location", to+url.QueryEscape(r.Header.Get("Authorization")))
				}
				w.WriteHeader(status)
			}, WithLogger(logger))
			for _, f := range []func() error{
				func() error { return second(c.Contacts.Get(t.Context(), "1")) },
				func() error { return second(c.Contacts.Update(t.Context(), "1", ContactInput{Name: Set("x")})) },
				func() error { return second(c.Contacts.Search(t.Context(), SearchOptions{})) },
				func() error { return c.Contacts.Delete(t.Context(), "1") },
				func() error { return c.Do(t.Context(), "GET", "/contacts/x", nil, nil, nil) },
			} {
				err := f()
				onlyIs(t, err, ErrRedirected)
				if err == nil || !strings.Contains(err.Error(), "redirects are not followed") {
					t.Errorf("%d to %q: %v", status, to, err)
				}
				noSecretIn(t, fmt.Sprintf("%d to %s", status, to), err)
			}
		}
	}
	if n := strayed.Load(); n > 0 {
		t.Errorf("%d requests followed a redirect", n)
	}
}

// TestNoRedirectEvenIfTheClientWantsThem: the CheckRedirect of a given client is not used.
func TestNoRedirectEvenIfTheClientWantsThem(t *testing.T) {
	t.Parallel()
	c, srv := newServer(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/users", http.StatusFound) })
	hc := srv.Client()
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
	c = newTestClient(t, WithBaseURL(c.caller.core.base.String()), WithHTTPClient(hc))
	_, err := c.Contacts.Get(t.Context(), "1")
	onlyIs(t, err, ErrRedirected)
}
