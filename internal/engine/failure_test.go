package engine_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

// TestErrorsWithoutQueryAndKey: an error of a transport that quotes the URL or the key
// loses them, and can still be matched if only the query was lost.
func TestErrorsWithoutQueryAndKey(t *testing.T) {
	t.Parallel()
	c := call
	c.Once = true
	c.URL.RawQuery = "email=jane.doe%40example.com"
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
	out := newEngine(t, failing(errReset)).Do(t.Context(), engine.Call{Method: http.MethodGet, URL: url.URL{Host: "h"}, Once: true})
	if out.Err != errReset {
		t.Errorf("%v", out.Err)
	}
}

// handshake is an https server, and what its client asks of it.
type handshake struct {
	server, client tls.Config
	text           string // of the error
	sent           int
}

// TestHandshakes: a handshake that ends in an alert is not repeated if it would end the same
// way again. Nothing was sent then, so a create is not repeated for another reason either.
func TestHandshakes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]*handshake{
		"an old server":   {tls.Config{MaxVersion: tls.VersionTLS12}, tls.Config{MinVersion: tls.VersionTLS13}, "protocol version not supported", 1},
		"an old client":   {tls.Config{MinVersion: tls.VersionTLS13}, tls.Config{MaxVersion: tls.VersionTLS12}, "protocol version not supported", 1},
		"no certificate":  {tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, tls.Config{}, "handshake failure", 1},
		"no ciphers":      {tls.Config{CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, MaxVersion: tls.VersionTLS12}, tls.Config{CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}, MaxVersion: tls.VersionTLS12}, "handshake failure", 1},
		"no protocol":     {tls.Config{NextProtos: []string{"a"}}, tls.Config{NextProtos: []string{"b"}}, "no application protocol", 1},
		"a passing cause": {tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errReset }}, tls.Config{}, "internal error", 4},
	} {
		for _, c := range []engine.Call{call, post} {
			t.Run(name+" "+c.Method, func(t *testing.T) {
				t.Parallel()
				checkHandshake(t, tt, c)
			})
		}
	}
}

func checkHandshake(t *testing.T, h *handshake, c engine.Call) {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = h.server.Clone()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	transport := &http.Transport{TLSClientConfig: h.client.Clone()}
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(srv.Certificate())
	t.Cleanup(transport.CloseIdleConnections)
	c.URL.Host = strings.TrimPrefix(srv.URL, "https://")
	quick := policy
	quick.MinBackoff, quick.MaxBackoff = time.Millisecond, time.Millisecond
	out := newEngine(t, new(script), withRetry(quick), func(cfg *engine.Config) { cfg.Transport = transport }).Do(t.Context(), c)
	if out.Err == nil || out.Sent != h.sent || out.Ambiguous || !strings.Contains(out.Err.Error(), "tls: "+h.text) {
		t.Errorf("%+v", out)
	}
}

// TestPlainPort: a port that serves plain http will do so for the next attempt as well.
func TestPlainPort(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := call
	c.URL.Host = strings.TrimPrefix(srv.URL, "http://")
	out := newEngine(t, new(script), func(cfg *engine.Config) { cfg.Transport = transport }).Do(t.Context(), c)
	if out.Err == nil || out.Sent != 1 || !strings.HasSuffix(out.Err.Error(), "; does the base URL have a port that serves plain http?") {
		t.Errorf("%+v", out)
	}
}
