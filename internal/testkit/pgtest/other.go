//go:build !unix

package pgtest

import "testing"

// NewSchema skips the test: the tests start Postgres on Unix only.
func NewSchema(t *testing.T) string {
	t.Helper()
	t.Skip("it starts Postgres")
	return ""
}

// Stop does nothing.
func Stop() error { return nil }
