package growthgenius

import (
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// isPrivate reports whether a text has what nothing may print while the tests run: a key
// that they use, an e-mail address, or the query that nearly every request has.
func isPrivate(text string) bool {
	return slices.ContainsFunc([]string{secret, "growthgeniustest-key", "user_id="}, func(s string) bool { return strings.Contains(text, s) }) ||
		strings.ContainsAny(text, "@%") && email.MatchString(text)
}

var email = regexp.MustCompile(`\w(@|%40)[\w-]+\.[a-z]`)

// censor keeps what it is given to write if that is private.
type censor struct {
	mu    sync.Mutex
	found []string
}

func (c *censor) Write(p []byte) (int, error) {
	if text := string(p); isPrivate(text) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.found = append(c.found, text)
	}
	return len(p), nil
}

// log is an option that comes last: the client logs everything to the censor, and to the
// logger it has been given.
func (c *censor) log(cfg *config) error {
	handlers := []slog.Handler{slog.NewJSONHandler(c, &slog.HandlerOptions{Level: slog.LevelDebug})}
	if cfg.logger != nil {
		handlers = append(handlers, cfg.logger.Handler())
	}
	cfg.logger = slog.New(slog.NewMultiHandler(handlers...))
	return nil
}

// output is the censor of all tests: TestMain fails them for what it has found.
var output censor

// Censored is the option of the clients that the helpers of the tests make.
func Censored(cfg *config) error { return output.log(cfg) }

// TestCensor: it finds what is private in a log, beside a logger of the test's own.
func TestCensor(t *testing.T) {
	t.Parallel()
	for text, found := range map[string]bool{
		"Authorization: " + testKey: true, "Bearer growthgeniustest-key": true, "sent to Ada.Byron@example.co.uk": true,
		"?email=ada%40example.com": true, "/contacts?user_id=1": true,
		"GET /contacts/{id}: 404": false, "/a:b@c;d": false, "user_id": false, "": false,
	} {
		var c censor
		var own logs
		cfg := config{logger: own.logger()}
		if err := c.log(&cfg); err != nil {
			t.Fatal(err)
		}
		cfg.logger.DebugContext(t.Context(), "attempt", slog.String("error", text))
		if len(c.found) == 1 != found || !strings.Contains(own.String(), "attempt") {
			t.Errorf("%s: found %q, logged %q", text, c.found, own.String())
		}
	}
}
