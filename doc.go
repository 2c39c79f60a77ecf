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
// A program needs only one [Client]. It is safe for concurrent use.
//
// # The acting user
//
// Every call except [UsersService.List] acts on behalf of a user, whose id is part of the
// request. [WithUserID] sets the user for a client, [Client.ForUser] returns a client
// that acts for another user and shares everything else, and [AsUser] sets the user for
// one call. The acting user is not the UserID of a record, which is the user who owns it.
//
// # Inputs
//
// The fields of an input are [Optional]. A field that is not set is not sent, so an
// update leaves its value unchanged. [Set] sends a value, even if it is "". [Null] sends
// null, which clears the field. Fields that this package does not know go into Extra.
//
// # Records
//
// Records have plain fields. Text that is null is "", a number that may be null is a
// pointer, and a time that is null is the zero time. An [ID] holds a number or text.
//
// The API's documentation contradicts itself on several shapes, and this package accepts
// all of them: docs/api-shapes.md lists them. A value that fits no field is not an error:
// unknown fields and values of unexpected types are kept in Extra, and encoding a record
// writes them again.
//
// Doc comments say how a fact is known. "Documented" means that it is in the API's
// reference, "later" that it is in a later revision of the reference, and "inferred" that
// it is in neither.
//
// # Errors
//
// [errors.Is] with a sentinel such as [ErrNotFound] or [ErrRateLimited] reports what kind
// of failure an error is. For the details, use [errors.AsType] with [*APIError], which
// has the API's own message, or with [*DecodeError], which describes a response that
// could not be used.
//
// [ErrInvalidInput] means that an argument is not valid. Nothing was sent then, with one
// exception: only a response can show that [ChangeOptions].Since is in the future.
//
// The API key never appears in an error, a log record or a printed value.
//
// # Retries
//
// Reads, updates, deletes and lookups are retried after a network failure and after status
// 408, 429 or 5xx. The waits between attempts are random and grow. A Retry-After header is
// honored. See [RetryPolicy]. If the context ends, every wait ends at once.
//
// Before an update is sent again that may have been carried out, the record is read. If
// another program may have changed it since, the error is [ErrChangedSince].
//
// # Creates
//
// The API has no idempotency keys and does not deduplicate: a create that is sent twice
// makes two records. It is therefore retried only if the request provably never left this
// machine, or if the response was 429, which is taken to mean "not processed".
//
// If the response to a create is lost, the package looks for the record in the list of
// recent updates; see [ReadBackPolicy]. If the record is there, the call returns it as
// usual. Otherwise the error is an [*OutcomeUnknownError]: the record may exist, so do
// not simply create it again. This error matches [ErrOutcomeUnknown], but not [ErrServer]
// or any other error that programs tend to retry on. With [ReadBackPolicy].ReplayAfter,
// the package creates the record again instead, once a complete list has not shown it for
// that long.
//
// The error holds a [CreateToken]. Pass it to [ContactsService.Resolve] or
// [MessagesService.Resolve] later to find out whether the record was created. A program
// that must survive its own crash stores the token before anything is sent, with
// [BeforeCreate]. With [WithMarkerField], a lost contact is recognized exactly, even if
// other processes create equal ones.
//
// The outcome is also unknown if the context ends while the create is in flight. An HTTP
// handler should therefore create with [context.WithoutCancel] and a timeout of its own,
// so that a client that disconnects does not interrupt the create.
//
// # Searches and lists
//
// [ContactsService.SearchAll] iterates over all results of a search, of which the API
// returns at most 10,000. [ContactsService.Stream] has no limit: it reads the unpaginated
// list as it arrives, in constant memory. [ContactsService.Changes] reads what was
// created or updated since a checkpoint. If anything is missing, each of them ends with
// an error.
//
// # Lookups
//
// The API charges for lookups. With [WithEnrichmentCache], results are kept for 30 days,
// however the domain, e-mail address or name is written, and concurrent calls that ask
// for the same share one request. "Not found" is kept for a day; [Refresh] asks again.
// [NewMemoryCache] returns a cache for one process.
//
// # Rate limits
//
// The API documents no rate limits. Requests are not held back until the first response
// with status 429. From then on they are sent at the rate that the API turns out to
// accept. [WithRateLimit] sets a fixed rate instead.
//
// # Testing
//
// Package growthgeniustest is the API as a server in memory, for tests. It can also be
// made to fail: lost responses, status 429, malformed bodies, connections that hang.
package growthgenius
