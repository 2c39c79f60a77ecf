//go:build !unix

package sqlstore_test

import "testing"

// newPostgres skips the test: the tests start Postgres on Unix only.
func newPostgres(t *testing.T) string {
	t.Helper()
	t.Skip("it starts Postgres")
	return ""
}
