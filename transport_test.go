package growthgenius_test

import (
	"net/http"
	"testing"

	"github.com/growthgenius/growthgenius-go"
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
