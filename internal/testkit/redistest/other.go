//go:build !unix

// Package redistest runs Redis servers for tests, on Unix only.
package redistest
