package testkit

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go"
)

// TestCensor: it finds what is private in a log, beside a logger of the test's own.
func TestCensor(t *testing.T) {
	t.Parallel()
	for text, found := range map[string]bool{
		"Authorization: " + Key: true, "Bearer growthgeniustest-key": true, "sent to Ada.Byron@example.co.uk": true,
		"?email=ada%40example.com": true, "/contacts?user_id=1": true,
		"GET /contacts/{id}: 404": false, "/a:b@c;d": false, "user_id": false, "": false,
	} {
		var c censor
		var own Logs
		c.logger(own.Logger()).DebugContext(t.Context(), "attempt", slog.String("error", text))
		if len(c.private()) == 1 != found || !strings.Contains(own.String(), "attempt") {
			t.Errorf("%s: found %q, logged %q", text, c.private(), own.String())
		}
	}
}

// TestClientsAreCensored: what the clients of this package log reaches the censor, with a
// logger of the test's own and without.
func TestClientsAreCensored(t *testing.T) { //nolint:paralleltest // it reads the censor of the process
	for name, opts := range map[string][]growthgenius.Option{"own": {new(Logs).Option()}, "none": nil} {
		api := NewAPI(t).On(http.MethodGet, "/contacts/1", 200, `{"contact":{"id":1,"`+name+`@example.com":1}}`)
		if _, err := api.Client(opts...).Contacts.Get(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
	}
	output.mu.Lock()
	defer output.mu.Unlock()
	if len(output.found) != 2 || !strings.Contains(output.found[0]+output.found[1], "own@example.com") {
		t.Errorf("the censor has found %q", output.found)
	}
	output.found = nil
}
