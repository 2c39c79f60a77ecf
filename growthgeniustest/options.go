package growthgeniustest

import (
	"strings"
	"time"
)

// ServerOption changes how a [Server] answers. Without options it answers as the API reference of 2021-01-22 shows.
type ServerOption func(*config)

type config struct {
	apiKey       string
	personPath   string
	clock        func() time.Time
	skew         time.Duration
	seed         uint64
	partialLimit int
	listLag      time.Duration
	searchLag    time.Duration
	listCap      int

	inMemory           bool
	noSeeds            bool
	noRecording        bool
	noDate             bool
	singleUser         bool
	bareCompany        bool
	wrappedListItems   bool
	flatSearchItems    bool
	singularEnvelopes  bool
	pluralEnvelopes    bool
	textIDs            bool
	integerSearchIDs   bool
	fullSearchRecords  bool
	unresolvableSearch bool
	noContentDelete    bool
	exclusiveBounds    bool
	emailNormalization bool
}

func defaultConfig() config {
	return config{
		apiKey:       "growthgeniustest-key",
		personPath:   "/people/find",
		clock:        time.Now,
		seed:         1,
		partialLimit: 10000,
	}
}

// WithAPIKey sets the key the server takes. Default: "growthgeniustest-key". Starting fails for a key that no
// client could send: an empty one, or one with blanks or anything but printable ASCII.
func WithAPIKey(key string) ServerOption { return func(c *config) { c.apiKey = key } }

// WithoutSeeds starts the server with no users, companies or people. Nobody can act before [Server.AddUsers].
func WithoutSeeds() ServerOption { return func(c *config) { c.noSeeds = true } }

// WithoutRecording keeps no requests, so that long runs do not grow: [Server.Requests] stays empty.
// The ledger is kept all the same.
func WithoutRecording() ServerOption { return func(c *config) { c.noRecording = true } }

// WithSeed seeds the random choices of faults with a Probability. Default: 1.
func WithSeed(seed uint64) ServerOption { return func(c *config) { c.seed = seed } }

// WithClock sets the clock that stamps records and fills the Date header. Default: time.Now.
// Delays of faults and the rate limit run on the machine's clock.
func WithClock(now func() time.Time) ServerOption { return func(c *config) { c.clock = now } }

// WithClockSkew sets the server's clock ahead by d, or behind where d is negative.
func WithClockSkew(d time.Duration) ServerOption { return func(c *config) { c.skew = d } }

// WithNoDate leaves out the Date header.
func WithNoDate() ServerOption { return func(c *config) { c.noDate = true } }

// WithSingleUser answers the users endpoint with one user in {"user": ...} (later): the acting one where user_id is
// given, the first one otherwise. Default: every user in {"users": [...]} (documented).
func WithSingleUser() ServerOption { return func(c *config) { c.singleUser = true } }

// WithBareCompany answers a company lookup with the bare company record of 23 fields (later).
// Default: a contact of 58 fields in {"contact": ...} (documented).
func WithBareCompany() ServerOption { return func(c *config) { c.bareCompany = true } }

// WithPersonPath moves the person lookup. Default: "/people/find" (inferred: the API reference of 2021-01-22 gives
// the lookup no path).
func WithPersonPath(path string) ServerOption {
	return func(c *config) { c.personPath = "/" + strings.Trim(path, "/") }
}

// WithWrappedListItems wraps each item of the updated-between lists, as in {"contacts": [{"contact": ...}]}
// (inferred). Default: flat (documented).
func WithWrappedListItems() ServerOption { return func(c *config) { c.wrappedListItems = true } }

// WithFlatSearchItems answers search items flat (inferred). Default: each wrapped in {"contact": ...} (documented).
func WithFlatSearchItems() ServerOption { return func(c *config) { c.flatSearchItems = true } }

// WithSingularEnvelopes answers an updated-between list that holds exactly one record as that record under its
// singular name, as in {"contact": {...}} (inferred). Default: an array under the plural name (documented).
func WithSingularEnvelopes() ServerOption { return func(c *config) { c.singularEnvelopes = true } }

// WithPluralEnvelopes answers create, get and update with an array of one under the plural name, as in
// {"contacts": [{...}]} (inferred). Default: an object under the singular name (documented).
func WithPluralEnvelopes() ServerOption { return func(c *config) { c.pluralEnvelopes = true } }

// WithTextIDs gives contacts and messages the same UUID text id in every call (inferred).
// Default: integers, but UUID text in searches (documented).
func WithTextIDs() ServerOption { return func(c *config) { c.textIDs = true } }

// WithIntegerSearchIDs gives search items the id that the other calls use (inferred).
// Default: UUID text of its own (documented).
func WithIntegerSearchIDs() ServerOption { return func(c *config) { c.integerSearchIDs = true } }

// WithFullSearchRecords answers search items with all 58 fields (inferred).
// Default: abridged to id, full_name, fist_name, last_name, email and a "//" of dots (documented).
func WithFullSearchRecords() ServerOption { return func(c *config) { c.fullSearchRecords = true } }

// WithUnresolvableSearchIDs answers 404 to a get, update or delete by the UUID that a search gave (inferred).
// Default: such an id stands for its contact, and the answer carries the id that was asked for (inferred).
func WithUnresolvableSearchIDs() ServerOption { return func(c *config) { c.unresolvableSearch = true } }

// WithNoContentOnDelete answers deletes with 204 and no body (inferred). Default: 200 with {} for contacts (inferred)
// and with a leftover search envelope for messages (documented).
func WithNoContentOnDelete() ServerOption { return func(c *config) { c.noContentDelete = true } }

// WithPartialResultsLimit sets how many results a search reaches. Default: 10000 (documented).
func WithPartialResultsLimit(n int) ServerOption { return func(c *config) { c.partialLimit = n } }

// WithExclusiveBounds leaves records updated exactly at from or to out of the updated-between lists (inferred).
// Default: they are in (inferred).
func WithExclusiveBounds() ServerOption { return func(c *config) { c.exclusiveBounds = true } }

// WithListLag makes the updated-between lists show creates and updates this much late. Deletes show at once.
func WithListLag(d time.Duration) ServerOption { return func(c *config) { c.listLag = d } }

// WithSearchLag makes searches show creates and updates this much late. Deletes show at once.
func WithSearchLag(d time.Duration) ServerOption { return func(c *config) { c.searchLag = d } }

// WithListCap cuts the updated-between lists after their first n records, oldest first, and says nothing of it.
// Zero: no cap.
func WithListCap(n int) ServerOption { return func(c *config) { c.listCap = n } }

// WithEmailNormalization stores e-mail addresses trimmed and in lower case.
func WithEmailNormalization() ServerOption { return func(c *config) { c.emailNormalization = true } }
