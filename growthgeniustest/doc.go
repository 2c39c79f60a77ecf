// Package growthgeniustest provides a GrowthGenius server in memory, for tests of code
// that uses the growthgenius package.
//
// [NewServer] starts a server for a test, [Start] starts one outside tests. The server
// speaks real HTTP on a loopback port and stores what is created. It responds as the API
// reference of 2021-01-22 shows, including its inconsistencies: lists contain flat
// records, searches contain wrapped and abridged ones with UUIDs and a misspelled
// fist_name, and a company lookup returns a contact. Other shapes, from a later public
// revision of the reference or inferred, have a [ServerOption] each. If the reference of
// 2021-01-22 does not show a shape, the default is one of those.
//
//	func TestImport(t *testing.T) {
//		srv := growthgeniustest.NewServer(t)
//		client := srv.Client()
//		// Run the code under test with client, then check srv.Contacts() and srv.Requests().
//	}
//
// A new server has two users (ids 1 and 2), a company for tesla.com and a person for
// elon@tesla.com. [WithoutSeeds] leaves them out, and the Add methods store more.
//
// [Server.Inject] makes the server misbehave: it can send error statuses, reset
// connections, hang, lose the response to a request that was carried out, or cut a body
// short. [Server.Ledger] then lists what was really created, so that a test can count
// duplicates.
//
// With [WithInMemoryNetwork] a test can run in a [testing/synctest] bubble, in which
// retries, pauses and read-backs take no real time.
//
// Facts about the API are marked with their source: documented (in the API reference of
// 2021-01-22), later (in a later public revision of it) or inferred (in neither; a choice
// of this package).
package growthgeniustest
