package engine

import (
	"crypto/tls"
	"net/http"
	"testing"
)

// TestApartFromOthers: a transport that is not of net/http cannot be replaced, nor one whose
// HTTP/2 is not: its copy would share the connections.
func TestApartFromOthers(t *testing.T) {
	t.Parallel()
	foreign := map[string]func(string, *tls.Conn) http.RoundTripper{
		"h2": func(string, *tls.Conn) http.RoundTripper { return attempts{} },
	}
	for name, transport := range map[string]http.RoundTripper{
		"no *http.Transport": attempts{}, "an HTTP/2 of its own": &http.Transport{TLSNextProto: foreign},
	} {
		if got := apart(transport); got != nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	http1 := &http.Transport{TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
	if got := apart(http1); got == nil || got == http1 || !got.DisableKeepAlives || http1.DisableKeepAlives {
		t.Errorf("got %+v", got)
	}
}
