package engine

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// proxyError means that a proxy did not connect to the server. Nothing was sent.
type proxyError struct{ status int }

func (e proxyError) Error() string {
	text := fmt.Sprintf("the proxy did not connect to the server: %d %s", e.status, http.StatusText(e.status))
	if e.status == http.StatusProxyAuthRequired {
		text += "; " + ProxyCredentials
	}
	return text
}

// isPermanent reports whether the proxy refused the request for good, as one that asks for
// credentials does.
func (e proxyError) isPermanent() bool {
	return 400 <= e.status && e.status < 500 &&
		e.status != http.StatusRequestTimeout && e.status != http.StatusTooManyRequests
}

// ProxyCredentials says what to do about a status 407.
const ProxyCredentials = "a proxy asks for credentials: set them in HTTPS_PROXY (http://user:password@host:port) or in the Proxy of the transport"

// CheckProxy is an [http.Transport.OnProxyConnectResponse]. Its error has the status of a
// proxy that refuses to connect. net/http has only the words after that in its own error,
// which are for the proxy to choose.
func CheckProxy(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
	if res.StatusCode == http.StatusOK {
		return nil
	}
	return proxyError{res.StatusCode}
}
