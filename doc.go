// Package growthgenius is a client for the GrowthGenius API: the users of a team, its
// contacts and messages, and lookups of people and companies.
//
//	client, err := growthgenius.NewClient(apiKey, growthgenius.WithUserID("42"))
//	if err != nil {
//		return err
//	}
//	contact, err := client.Contacts.Create(ctx, growthgenius.ContactInput{
//		FirstName: growthgenius.Set("Tony"),
//		Email:     growthgenius.Set("tony@example.com"),
//	})
//
// One [Client] is enough for a program. It may be used by any number of goroutines.
//
// # The acting user
//
// Every call but [UsersService.List] acts on behalf of a user, whose id the API wants in
// the query. [WithUserID] sets it for a client, [Client.ForUser] makes a client for
// another user that shares everything else, and [AsUser] changes one call. It is not the
// UserID of a record: that says who owns it.
//
// # What is sent
//
// Inputs have [Optional] fields. One that is not set is not sent, so an update keeps its
// value; [Set] sends a value, "" included; [Null] sends null, which clears the field.
// Fields that the package does not know go into Extra.
//
// # What comes back
//
// Records have plain fields: text that is null is "", a number that may be null is a
// pointer, a time that is null is the zero time. The API's documentation contradicts
// itself on several shapes, and all of them are read: see the table in the README. What
// fits no field is kept in Extra, unknown fields and values of unexpected types alike,
// and encoding a record writes it again. An [ID] holds a number or text.
//
// Doc comments say how a fact is known: "documented" is in the API's reference, "later"
// in a later revision of it, "inferred" in neither.
//
// # Errors
//
// [errors.Is] with a sentinel such as [ErrNotFound] or [ErrRateLimited] says what kind of
// failure an error is. [*APIError] has the API's own words, [*DecodeError] an answer that
// is not what the call should get. Mistakes in the arguments are [ErrInvalidInput] and
// are found before anything is sent, but for a [ChangeOptions].Since that is ahead of the
// API's clock. No error, log record or printed value has the API key in it.
//
// # Retries and creates
//
// Reads, updates, deletes and lookups are tried again after a failure of the network, a
// 408, a 429 and any 5xx, with growing random waits and as Retry-After asks; see
// [RetryPolicy]. A context that ends stops every wait at once.
//
// The API does not deduplicate and has no idempotency keys, so a create that was sent
// twice is two records. It is therefore sent again only if it provably never left, or
// was refused with 429. Where the answer is lost the record is looked for in the list of
// recent updates; see [ReadBackPolicy]. Found, it is the result. Where its outcome cannot
// be told, the error is an [*OutcomeUnknownError], which matches [ErrOutcomeUnknown] and
// none of the errors that loops tend to try again on; [ContactsService.Resolve] settles
// its [CreateToken] later. [WithMarkerField] makes that exact, whoever else creates.
//
// # Lists and searches
//
// [ContactsService.SearchAll] ranges over all pages of a search, which the API caps at
// 10,000. [ContactsService.Stream] reads the unpaginated list as it arrives, in constant
// memory, and [ContactsService.Changes] what was updated since a checkpoint. Each ends
// with an error where something is missing.
//
// # Lookups
//
// Lookups cost money. With [WithEnrichmentCache] each is made once in 30 days, however its
// subject is spelt, and once for all who ask at the same time. [NewMemoryCache] makes a
// cache for one process.
//
// # Rate
//
// The API documents no limits. Requests are not held back until the first 429; from then
// on they are paced at the rate the API turns out to take. [WithRateLimit] fixes a rate.
//
// # Testing
//
// Package growthgeniustest has the API as a server in memory, which can also be made to
// misbehave: lost answers, 429, broken bodies, hanging connections.
package growthgenius
