package growthgenius_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// TestDefaultTransport: each is a new one, so that a change stays with the caller, and it
// keeps what net/http's own transport has.
func TestDefaultTransport(t *testing.T) {
	t.Parallel()
	first := growthgenius.DefaultTransport()
	first.MaxIdleConnsPerHost, first.HTTP2.SendPingTimeout = 1, 0
	got, shared := growthgenius.DefaultTransport(), http.DefaultTransport.(*http.Transport)
	if got.MaxIdleConnsPerHost != 64 || got.MaxIdleConns < 64 || got.MaxConnsPerHost != 0 ||
		got.HTTP2.SendPingTimeout <= 0 || got.HTTP2.PingTimeout <= 0 || got.OnProxyConnectResponse == nil {
		t.Errorf("%+v", got)
	}
	if got.Proxy == nil || got.IdleConnTimeout != shared.IdleConnTimeout || !got.ForceAttemptHTTP2 || shared.MaxIdleConnsPerHost == 64 {
		t.Errorf("%+v", got)
	}
}

// TestSilentConnection: an HTTP/2 connection on which nothing arrives is closed before the
// attempt times out, and the next attempt gets another one.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport, dials := growthgenius.DefaultTransport(), 0
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			dials++
			client, server := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, server) }()
			return client, nil
		}
		c := testkit.NewClient(t, testkit.Secret, growthgenius.WithUserID("1"), growthgenius.WithBaseURL("http://127.0.0.1"),
			growthgenius.WithHTTPClient(&http.Client{Transport: transport}), growthgenius.WithRetry(growthgenius.RetryPolicy{MinBackoff: 1, MaxBackoff: 1}))
		began := time.Now()
		err := testkit.Err(c.Contacts.Get(t.Context(), "7"))
		if took := time.Since(began).Round(time.Second); err == nil || dials != 4 || took != 4*15*time.Second {
			t.Errorf("%d connections in %s: %v", dials, took, err)
		}
	})
}
