package testkit

import (
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/growthgenius/growthgenius-go"
)

// isPrivate reports whether a text has something that must not be printed while the tests
// run: a key that they use, an e-mail address, or the query that nearly every request has.
func isPrivate(text string) bool {
	quotes := func(s string) bool { return strings.Contains(text, s) }
	return slices.ContainsFunc([]string{Secret, "growthgeniustest-key", "user_id="}, quotes) ||
		strings.ContainsAny(text, "@%") && email.MatchString(text)
}

var email = regexp.MustCompile(`\w(@|%40)[\w-]+\.[a-z]`)

// censor is a writer of logs that keeps the private lines.
type censor struct {
	mu    sync.Mutex
	found []string // guarded by mu
}

func (c *censor) Write(p []byte) (int, error) {
	if text := string(p); isPrivate(text) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.found = append(c.found, text)
	}
	return len(p), nil
}

// private returns the lines that the censor has kept.
func (c *censor) private() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.found)
}

// logger returns a logger of all levels that writes to the censor, and to l unless it is nil.
func (c *censor) logger(l *slog.Logger) *slog.Logger {
	handlers := []slog.Handler{jsonHandler(c)}
	if l != nil {
		handlers = append(handlers, l.Handler())
	}
	return slog.New(slog.NewMultiHandler(handlers...))
}

func jsonHandler(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
}

// output is the censor of all tests of a process. Main fails them if it has kept a line.
var output censor

// WithLogger is growthgenius.WithLogger for tests: the client logs to l and to the censor.
func WithLogger(l *slog.Logger) growthgenius.Option {
	return growthgenius.WithLogger(output.logger(l))
}

// censored returns opts after an option that logs to the censor, which WithLogger among
// opts replaces.
func censored(opts []growthgenius.Option) []growthgenius.Option {
	return append([]growthgenius.Option{WithLogger(nil)}, opts...)
}
