// Package testkit holds what the tests of several packages share: clients, an API that is
// a mock, servers in fake time, the samples of the reference as Go values, and a censor
// that reads everything that the clients log.
//
// It uses the root package through its exported names only, and no package but tests
// imports it. What a single package's tests need belongs beside them.
package testkit
