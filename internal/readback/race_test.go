//go:build race

package readback_test

// The race detector makes a history ten times slower, and does not bear many thousands of
// short goroutines in one run.
func init() { slowdown = 20 }
