package testkit

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// Logs keeps what is logged, as JSON lines. The zero value is ready to use.
type Logs struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

// Write keeps one line.
func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns all lines.
func (l *Logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Logger returns a logger of all levels that writes to l.
func (l *Logs) Logger() *slog.Logger { return slog.New(jsonHandler(l)) }

// Option lets a client log to l.
func (l *Logs) Option() growthgenius.Option { return WithLogger(l.Logger()) }

// Line is one record of a log.
type Line struct {
	Level, Msg, Method, Route, Error string
	Reason                           string
	RequestID                        string `json:"request_id"`
	Status, Attempt, Creates, Rows   int
	Duration, Wait                   time.Duration
}

// Lines returns all records. Their messages are without the prefix "growthgenius: ".
func (l *Logs) Lines(t testing.TB) []Line {
	t.Helper()
	var all []Line
	for text := range strings.Lines(l.String()) {
		var line Line
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		line.Msg = strings.TrimPrefix(line.Msg, "growthgenius: ")
		all = append(all, line)
	}
	return all
}

// Warnings returns the messages that were logged as warnings, in order.
func (l *Logs) Warnings(t testing.TB) []string {
	t.Helper()
	var found []string
	for _, line := range l.Lines(t) {
		if line.Level == "WARN" {
			found = append(found, line.Msg)
		}
	}
	return found
}
