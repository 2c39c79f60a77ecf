package growthgeniustest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// TestCharset: the body is in the charset, and the header names it unless the fault has
// another.
func TestCharset(t *testing.T) {
	t.Parallel()
	const body = `{"contact":{"first_name":"José","title":"日"}}`
	for name, tt := range map[string]struct {
		fault growthgeniustest.Fault
		media string
		want  string
	}{
		"declared": {
			growthgeniustest.Fault{Charset: "ISO-8859-1", Status: 200, Body: body},
			"application/json; charset=ISO-8859-1", "\"Jos\xe9\",\"title\":\"?\"",
		},
		"not declared": {
			growthgeniustest.Fault{Charset: "latin1", Status: 200, Body: body, Header: http.Header{"Content-Type": {"application/json"}}},
			"application/json", "\"Jos\xe9\"",
		},
		"genuine": {growthgeniustest.Fault{Charset: "Shift_JIS"}, "application/json; charset=Shift_JIS", "sjobs@apple.com"},
		"UTF-8":   {growthgeniustest.Fault{Status: 200, Body: body}, "application/json; charset=utf-8", "José"},
	} {
		onBothNetworks(t, func(t *testing.T, newWire wireMaker) {
			w := newWire(t)
			w.srv.Inject(tt.fault)
			_, header, got, err := post(w)
			if media := header.Get("Content-Type"); err != nil || media != tt.media || !strings.Contains(got, tt.want) {
				t.Errorf("%s: %q, %q, %v", name, media, got, err)
			}
		})
	}
}

func TestUnknownCharset(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, newWire wireMaker) {
		defer func() {
			if text, _ := recover().(string); !strings.Contains(text, "x-klingon") {
				t.Errorf("panic %q", text)
			}
		}()
		newWire(t).srv.Inject(growthgeniustest.Fault{Charset: "x-klingon"})
	})
}
