// Package growthgeniustest is a GrowthGenius server in memory, for tests of code that uses the growthgenius package.
//
// [NewServer] starts one for a test, [Start] one outside tests. It speaks real HTTP on a loopback port, keeps what
// is created, and answers as the API reference of 2021-01-22 shows, its inconsistencies included: flat items in
// lists, wrapped and abridged ones with UUID ids and a misspelt fist_name in searches, a contact where a company was
// looked up. Other shapes, of a later public revision or inferred, are a [ServerOption] each; where the reference
// shows none the default is one of those.
//
//	func TestImport(t *testing.T) {
//		srv := growthgeniustest.NewServer(t)
//		client := srv.Client()
//		// run the code under test with client, then look at srv.Contacts() and srv.Requests()
//	}
//
// A new server has two users (ids 1 and 2), a company for tesla.com and a person for elon@tesla.com;
// [WithoutSeeds] leaves them out. The Add methods store more.
//
// [Server.Inject] makes it misbehave: statuses, resets, hangs, lost answers of requests that were carried out, bodies
// cut short. [Server.Ledger] then tells what was really created, so that duplicates can be counted.
//
// With [WithInMemoryNetwork] a test may run in a bubble of [testing/synctest], where retries, pauses and read-backs
// take no time.
//
// Facts carry a word for where they come from: documented (in the API reference of 2021-01-22), later (in a later
// public revision of it) or inferred (neither; a choice of this package).
package growthgeniustest
