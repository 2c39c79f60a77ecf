// Package test holds the scenarios that no single file of the client owns: what a program
// sees of retries, rate limits, canceled calls, lost responses, streams and secrets. Each
// file is named for the behavior that it tests, through the exported API alone.
package test
