package growthgenius

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

const (
	// maxIdleConnsPerHost is how many connections are kept from one burst to the next.
	maxIdleConnsPerHost = 64

	// A silent HTTP/2 connection is found well within the default timeout of an attempt.
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
)

// DefaultTransport returns a new transport with the settings of the one that clients use
// without [WithHTTPClient]. Change it, and pass it to [WithHTTPClient]. It is a copy of
// [http.DefaultTransport] with these differences:
//
//   - It keeps up to 64 idle connections to the API (MaxIdleConnsPerHost). net/http keeps
//     two, and a program that makes many calls at once would open a new connection for
//     nearly every request. How many are open at once is not limited: set MaxConnsPerHost
//     for that.
//   - It checks an HTTP/2 connection on which nothing has arrived for 10 seconds with a
//     ping, and closes it if nothing arrives within another 5 seconds (HTTP2). net/http
//     would use it for all calls until the operating system notices.
//   - If a proxy refuses to connect, the error has the proxy's status
//     (OnProxyConnectResponse).
//
// Its Proxy is [http.ProxyFromEnvironment]: HTTPS_PROXY names the proxy, with its
// credentials (http://user:password@proxy.example:3128), and NO_PROXY lists the hosts that
// are reached without it. net/http reads both once per process.
func DefaultTransport() *http.Transport {
	shared, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // the program has replaced it
		shared = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   10 * time.Second,
			ExpectContinueTimeout: time.Second,
		}
	}
	t := shared.Clone()
	t.MaxIdleConnsPerHost = maxIdleConnsPerHost
	t.MaxIdleConns = 4 * maxIdleConnsPerHost
	if t.HTTP2 == nil {
		t.HTTP2 = &http.HTTP2Config{}
	}
	if t.HTTP2.SendPingTimeout == 0 {
		t.HTTP2.SendPingTimeout, t.HTTP2.PingTimeout = pingAfter, pingTimeout
	}
	if t.OnProxyConnectResponse == nil {
		t.OnProxyConnectResponse = engine.CheckProxy
	}
	return t
}

// defaultTransport is shared by all clients without a transport of their own.
var defaultTransport = sync.OnceValue(func() http.RoundTripper {
	if _, ok := http.DefaultTransport.(*http.Transport); !ok {
		return http.DefaultTransport // the program has replaced the default transport: use its own
	}
	return DefaultTransport()
})
