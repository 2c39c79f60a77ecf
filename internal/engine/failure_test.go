package engine_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

// TestErrorsWithoutQueryAndKey: an error of a transport that quotes the URL or the key
// loses them, and can still be matched if only the query was lost.
func TestErrorsWithoutQueryAndKey(t *testing.T) {
	t.Parallel()
	c := call
	c.Once = true
	target := *address
	target.RawQuery = "email=jane.doe%40example.com"
	c.URL = &target
	for name, tt := range map[string]struct {
		fail func(*http.Request) error
		text string
		is   bool // errReset can be matched
	}{
		"plain":       {func(*http.Request) error { return errReset }, "connection reset", true},
		"of net/http": {func(r *http.Request) error { return &url.Error{Op: "Get", URL: r.URL.String(), Err: errReset} }, "connection reset", true},
		"of a URL, twice": {
			func(r *http.Request) error {
				inner := &url.Error{Op: "Get", URL: r.URL.String(), Err: errReset}
				return fmt.Errorf("proxy: %w", &url.Error{Op: "Get", URL: r.URL.String(), Err: inner})
			}, "connection reset", true,
		},
		"quoted": {
			func(r *http.Request) error { return fmt.Errorf("no route for %s: %w", r.URL, errReset) },
			"no route for https://api.example.com/v1/contacts/1102755?[query]: connection reset", true,
		},
		"the key": {func(*http.Request) error { return fmt.Errorf("sent %s: %w", secretKey, errReset) }, "sent [redacted]: connection reset", false},
	} {
		out := newEngine(t, always(func(r *http.Request) (*http.Response, error) { return nil, tt.fail(r) })).Do(t.Context(), c)
		if out.Err == nil || out.Err.Error() != tt.text || errors.Is(out.Err, errReset) != tt.is {
			t.Errorf("%s: %v", name, out.Err)
		}
		if text := fmt.Sprintf("%v %+v %#v", out.Err, out.Err, out.Err); strings.Contains(text, "jane.doe") || strings.Contains(text, secretKey) {
			t.Errorf("%s: it is printed as %s", name, text)
		}
	}
}

// TestErrorsWithoutAQuery: a URL without one leaves errors as they are.
func TestErrorsWithoutAQuery(t *testing.T) {
	t.Parallel()
	out := newEngine(t, failing(errReset)).Do(t.Context(), engine.Call{Method: http.MethodGet, URL: &url.URL{Host: "h"}, Once: true})
	if out.Err != errReset {
		t.Errorf("%v", out.Err)
	}
}
