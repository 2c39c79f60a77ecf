package test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jarcoal/httpmock"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// secretLogs returns a logger that writes text and JSON, at the debug level.
func secretLogs(t *testing.T) (*slog.Logger, *testkit.Logs) {
	t.Helper()
	var out testkit.Logs
	opts := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	logger := slog.New(slog.NewMultiHandler(slog.NewTextHandler(&out, opts), slog.NewJSONHandler(&out, opts)))
	t.Cleanup(func() { testkit.NoSecret(t, "the log", out.String()) })
	return logger, &out
}

// TestKeyIsNowhereInTheClient: neither printing nor a search of the memory finds it.
func TestKeyIsNowhereInTheClient(t *testing.T) {
	t.Parallel()
	logger, out := secretLogs(t)
	api := testkit.NewAPI(t).On("GET", "/contacts/1", 200, `{"contact":{"id":1,"odd":1}}`).On("GET", "/contacts/2", 400, `{"error":"bad"}`)
	opts := []growthgenius.Option{growthgenius.WithLogger(logger), growthgenius.WithHTTPClient(&http.Client{Transport: api.Transport}), growthgenius.WithUserID("1"), growthgenius.WithRetry(growthgenius.RetryPolicy{MaxAttempts: 1})}
	c, err := growthgenius.NewClient(testkit.Key, opts...)
	if err != nil {
		t.Fatal(err)
	}
	var info growthgenius.ResponseInfo
	request := []growthgenius.RequestOption{growthgenius.AsUser("2"), growthgenius.CaptureResponse(&info), growthgenius.WithHeader("X-A", "b"), growthgenius.NoRetry()}
	if _, err := c.Contacts.Get(t.Context(), "1", request...); err != nil {
		t.Fatal(err)
	}
	_, err = c.Contacts.Get(t.Context(), "2")
	for where, v := range map[string]any{
		"client": c, "value": *c, "other user": c.ForUser("5"),
		"users": c.Users, "contacts": c.Contacts, "messages": c.Messages, "enrichment": c.Enrichment,
		"options": opts, "request options": request, "info": info, "error": err,
	} {
		testkit.NoSecretIn(t, where, v)
	}
	if !strings.Contains(out.String(), "growthgenius: attempt") || !strings.Contains(fmt.Sprint(c), "api.growthgenius.com") {
		t.Error("the log or the client's text says nothing: the test tests nothing")
	}
	for _, sent := range api.Requests {
		if strings.Contains(sent.URL+sent.Body, testkit.Secret) || sent.Header.Get("Authorization") != testkit.Key {
			t.Errorf("sent %+v", sent)
		}
		sent.Header.Del("Authorization")
		testkit.NoSecret(t, "another header", fmt.Sprint(sent.Header))
	}
}

// A text from outside is cut at these lengths, which must not leave a part of the key.
const (
	maxFirstWords = 200 // bytes that the text of an error quotes of a body
	maxFieldName  = 100 // bytes that a log line quotes of a name
)

// TestServerEchoesTheKey: any part of a response may quote the key, in any encoding.
func TestServerEchoesTheKey(t *testing.T) {
	t.Parallel()
	for name, key := range testkit.Echoes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logger, _ := secretLogs(t)
			var body string
			var status int
			api := testkit.NewAPI(t).OnFunc("GET", "/contacts/1", func(*http.Request) (*http.Response, error) {
				res := httpmock.NewStringResponse(status, body)
				res.Header = http.Header{
					"X-Request-Id": {strings.Repeat("x", 110) + key}, "Request-Id": {key}, "Retry-After": {key},
					"Location": {"https://" + url.PathEscape(testkit.Key) + ".example.com/?key=" + key},
				}
				return res, nil
			})
			clients := []*growthgenius.Client{api.Client(testkit.WithLogger(logger)), api.Client(growthgenius.WithStrictDecoding())}
			for _, shape := range []string{
				`%s`, `{"error":"key %s is bad"}`, `{"error":{"code":"%s","message":"x"}}`, `{"errors":{"%s":["%[1]s"]}}`, `{"errors":["%s"]}`,
				`<html><body>%s</body></html>`, `{"contact":{"%s":"%[1]s"}}`, `{"%s":1,"contact":{"name":"x","title":["%[1]s"]}}`, `"%s"`, `{"id":"%s`,
				strings.Repeat("x", maxErrorBody-10) + `%s`, strings.Repeat("x", maxFirstWords-5) + `%s`, strings.Repeat("%[1]s", 900), `{"contact":%s}`,
			} {
				body = fmt.Sprintf(shape, key)
				for _, status = range []int{200, 302, 401} {
					for _, c := range clients {
						_, err := c.Contacts.Get(t.Context(), "1")
						if err == nil {
							t.Fatalf("%s %d %s: no error", name, status, body)
						}
						testkit.NoSecretIn(t, fmt.Sprintf("%s, %d, %.60s", name, status, shape), err)
					}
				}
			}
		})
	}
}

// TestOddFieldNamedLikeTheKey: names of unknown fields are logged.
func TestOddFieldNamedLikeTheKey(t *testing.T) {
	t.Parallel()
	for _, key := range testkit.Echoes() {
		logger, out := secretLogs(t)
		quoted, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{string(quoted), `"` + strings.Repeat("n", maxFieldName-5) + string(quoted[1:])} {
			api := testkit.NewAPI(t).On("GET", "/contacts/1", 200, `{"contact":{"id":1,`+name+`:1},`+name+`:2}`)
			if _, err := api.Client(testkit.WithLogger(logger)).Contacts.Get(t.Context(), "1"); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(out.String(), "[redacted]") {
			t.Errorf("%s: %s", key, out.String())
		}
	}
}

// quoting is an error of a transport whose cause is not in its text.
type quoting struct{ cause error }

func (quoting) Error() string { return "no connection" }

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
			return fmt.Errorf("x: %w", &quoting{cause: &url.Error{Op: "a", URL: testkit.Key, Err: errors.New("b")}})
		},
		"escaped": func(r *http.Request) error { return errors.New(url.QueryEscape(r.Header.Get("Authorization"))) },
		"panicky": func(r *http.Request) error {
			return &url.Error{Op: "Get", URL: "https://x/?k=" + testkit.Key, Err: errors.New("x")}
		},
	} {
		logger, _ := secretLogs(t)
		api := testkit.NewAPI(t)
		answer := func(r *http.Request) (*http.Response, error) { return nil, quote(r) }
		api.OnFunc("GET", "/contacts/1", answer).OnFunc("POST", "/contacts", answer)
		c := api.Client(testkit.WithLogger(logger))
		_, err := c.Contacts.Get(t.Context(), "1")
		testkit.NoSecretIn(t, name, err)
		_, err = c.Contacts.Create(t.Context(), growthgenius.ContactInput{Name: growthgenius.Set("x")})
		testkit.NoSecretIn(t, name+", create", err)
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
		c := testkit.OneShot(t, growthgenius.WithBaseURL(base), testkit.WithLogger(logger), growthgenius.WithHTTPClient(&http.Client{Transport: transport}))
		_, err := c.Contacts.Get(t.Context(), "1")
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		testkit.NoSecret(t, name, fmt.Sprintf("%v %+v %#v", err, err, err))
		for _, cause := range testkit.Causes(err) {
			testkit.NoSecret(t, name, fmt.Sprintf("%v %+v %#v", cause, cause, cause))
		}
	}
}

// TestKeysThatAreRefused: the error has the reason, but not the key.
func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", " ", "\n", "SECRET\n", " SECRET", "SEC SECRET", "\x00SECRET", "SECRET\r\nX-Evil: 1", "SECRET\x7f", "SECRETé", "SECRET\xff", "\tSECRET", "SECRET\u00a0"} {
		c, err := growthgenius.NewClient(bad)
		if c != nil || !errors.Is(err, growthgenius.ErrInvalidInput) {
			t.Errorf("%q: %v, %v", bad, c, err)
			continue
		}
		testkit.NoSecretIn(t, "the error", err)
	}
}

// TestBaseURLs: https, or plain http to the machine itself.
func TestBaseURLs(t *testing.T) {
	t.Parallel()
	for base, ok := range map[string]bool{
		"https://api.example.com": true, "HTTPS://api.example.com/v1/": true, "https://[2001:db8::1]:8443/x": true,
		"http://localhost": true, "http://LOCALHOST:8080/v1": true, "http://127.0.0.1:1": true, "http://127.9.8.7": true, "http://[::1]:80": true,
		"http://api.example.com": false, "http://10.0.0.1": false, "http://0.0.0.0": false, "http://localhost.example.com": false, "http://127.0.0.1.example.com": false,
		"http://localhost@example.com": false, "http://example.com/localhost": false, "http://example.com#localhost": false, "http://[::2]": false, "http://128.0.0.1": false,
		"http://2130706433": false, "http://127.1": false, "": false, "api.example.com": false, "/v1": false, "//api.example.com": false, "ftp://localhost": false,
		"https:api.example.com": false, "https://": false, "https://:443": false, "http://:80": false, "https:///v1": false, "https://user:pw@api.example.com": false,
		"https://api.example.com?key=" + testkit.Secret: false, "https://api.example.com?": false, "https://api.example.com/#x": false, "https://" + testkit.Secret + "\x00.com": false,
		"https://api.example.com:" + testkit.Secret: false, "file:///etc/passwd": false, "javascript:alert(1)": false,
	} {
		c, err := growthgenius.NewClient("key", growthgenius.WithBaseURL(base))
		if (err == nil) != ok || (c != nil) != ok {
			t.Errorf("%q: %v", base, err)
		}
		if err != nil {
			if !errors.Is(err, growthgenius.ErrInvalidInput) || !strings.Contains(err.Error(), "base URL") {
				t.Errorf("%q: %v", base, err)
			}
			testkit.NoSecret(t, "the error", err.Error())
		}
	}
}

// TestRedirectsAreNotFollowed: whatever their status and target.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var strayed atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{other.URL + "/contacts/1?key=", strings.Replace(other.URL, "127.0.0.1", "localhost", 1) + "/", "/elsewhere?key=", "//example.com/", ""} {
			logger, _ := secretLogs(t)
			c, _ := testkit.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.URL.Path, "/contacts/") {
					strayed.Add(1)
				}
				if to != "" {
					w.Header().Set("Location", to+url.QueryEscape(r.Header.Get("Authorization")))
				}
				w.WriteHeader(status)
			}, testkit.WithLogger(logger))
			for _, f := range []func() error{
				func() error { return testkit.Err(c.Contacts.Get(t.Context(), "1")) },
				func() error {
					return testkit.Err(c.Contacts.Update(t.Context(), "1", growthgenius.ContactInput{Name: growthgenius.Set("x")}))
				},
				func() error { return testkit.Err(c.Contacts.Search(t.Context(), growthgenius.SearchOptions{})) },
				func() error { return c.Contacts.Delete(t.Context(), "1") },
				func() error { return c.Do(t.Context(), "GET", "/contacts/x", nil, nil, nil) },
			} {
				err := f()
				testkit.OnlyIs(t, err, growthgenius.ErrRedirected)
				if err == nil || !strings.Contains(err.Error(), "redirects are not followed") {
					t.Errorf("%d to %q: %v", status, to, err)
				}
				testkit.NoSecretIn(t, fmt.Sprintf("%d to %s", status, to), err)
			}
		}
	}
	if n := strayed.Load(); n > 0 {
		t.Errorf("%d requests followed a redirect", n)
	}
}

// TestNoRedirectEvenIfTheClientWantsThem: the CheckRedirect of an http.Client is not used.
func TestNoRedirectEvenIfTheClientWantsThem(t *testing.T) {
	t.Parallel()
	_, srv := testkit.Serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/users", http.StatusFound) })
	hc := srv.Client()
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
	c := testkit.OneShot(t, growthgenius.WithBaseURL(srv.URL), growthgenius.WithHTTPClient(hc))
	_, err := c.Contacts.Get(t.Context(), "1")
	testkit.OnlyIs(t, err, growthgenius.ErrRedirected)
}
