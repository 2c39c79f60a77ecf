//go:build race

package readback_test

// The race detector makes a history ten times slower.
func init() { slowdown = 10 }
