package growthgeniustest

import (
	"strings"
	"time"
)

// ServerOption configures a [Server]. Without options a server responds as the API
// reference of 2021-01-22 shows.
type ServerOption func(*config)

type config struct {
	apiKey       string
	addr         string
	personPath   string
	clock        func() time.Time
	skew         time.Duration
	recordSkew   time.Duration
	seed         uint64
	partialLimit int
	listLag      time.Duration
	searchLag    time.Duration
	listCap      int
	listCapBy    CapOrder
	boundsZone   *time.Location

	inMemory           bool
	noSeeds            bool
	noRecording        bool
	noDate             bool
	singleUser         bool
	bareCompany        bool
	bareContact        bool
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
	keyedLists         bool
	emailNormalization bool
	canonicalIDs       bool
	rewrite            func(field, text string) string
}

func defaultConfig() config {
	return config{
		apiKey:       "growthgeniustest-key",
		addr:         "127.0.0.1:0",
		personPath:   "/people/find",
		clock:        time.Now,
		seed:         1,
		partialLimit: 10000,
	}
}

// WithAPIKey sets the API key that the server accepts. Default: "growthgeniustest-key".
// The server does not start with a key that a client could not send: it must be printable
// ASCII without spaces, and not empty.
func WithAPIKey(key string) ServerOption { return func(c *config) { c.apiKey = key } }

// WithAddr sets the TCP address to listen on. Default: "127.0.0.1:0", which is a free port of
// the loopback interface.
func WithAddr(addr string) ServerOption { return func(c *config) { c.addr = addr } }

// WithoutSeeds starts the server without users, companies and people. Calls that need an
// acting user fail until [Server.AddUsers] adds one.
func WithoutSeeds() ServerOption { return func(c *config) { c.noSeeds = true } }

// WithoutRecording turns off the recording of requests, so that memory does not grow in
// long runs: [Server.Requests] returns none. The ledger is still kept.
func WithoutRecording() ServerOption { return func(c *config) { c.noRecording = true } }

// WithSeed seeds the random choices of faults that have a Probability. Default: 1.
func WithSeed(seed uint64) ServerOption { return func(c *config) { c.seed = seed } }

// WithClock sets the clock that stamps records and sets the Date header. Default:
// time.Now. It does not affect the delays of faults and the rate limit.
func WithClock(now func() time.Time) ServerOption {
	return func(c *config) { c.clock = now }
}

// WithClockSkew sets the server's clock ahead by d, or back if d is negative.
func WithClockSkew(d time.Duration) ServerOption { return func(c *config) { c.skew = d } }

// WithRecordSkew sets the clock that stamps records, and that the updated-between lists go
// by, ahead of the one of the Date header by d, or back if d is negative. A database and a
// gateway can differ by seconds, and by hours if one has local time.
func WithRecordSkew(d time.Duration) ServerOption { return func(c *config) { c.recordSkew = d } }

// WithNoDate leaves out the Date header.
func WithNoDate() ServerOption { return func(c *config) { c.noDate = true } }

// WithSingleUser makes the users endpoint return one user, in {"user": ...} (later): the
// acting user if user_id is given, otherwise the first one.
// Default: all users, in {"users": [...]} (documented).
func WithSingleUser() ServerOption { return func(c *config) { c.singleUser = true } }

// WithBareCompany makes a company lookup return the company record with its 23 fields
// (later). Default: a contact with 58 fields, in {"contact": ...} (documented).
func WithBareCompany() ServerOption { return func(c *config) { c.bareCompany = true } }

// WithBareContact makes a company lookup return the contact without its envelope
// (inferred). It has no effect together with [WithBareCompany].
func WithBareContact() ServerOption { return func(c *config) { c.bareContact = true } }

// WithPersonPath sets the path of the person lookup. Default: "/people/find" (inferred:
// the API reference of 2021-01-22 shows no path for it).
func WithPersonPath(path string) ServerOption {
	return func(c *config) { c.personPath = "/" + strings.Trim(path, "/") }
}

// WithWrappedListItems wraps each record of the updated-between lists, as in
// {"contacts": [{"contact": ...}]} (inferred). Default: flat (documented).
func WithWrappedListItems() ServerOption {
	return func(c *config) { c.wrappedListItems = true }
}

// WithFlatSearchItems makes searches return flat records (inferred).
// Default: each is wrapped in {"contact": ...} (documented).
func WithFlatSearchItems() ServerOption {
	return func(c *config) { c.flatSearchItems = true }
}

// WithSingularEnvelopes makes an updated-between list with exactly one record return it
// under its singular name, as in {"contact": {...}} (inferred).
// Default: an array under the plural name (documented).
func WithSingularEnvelopes() ServerOption {
	return func(c *config) { c.singularEnvelopes = true }
}

// WithPluralEnvelopes makes create, get and update return an array of one record under
// the plural name, as in {"contacts": [{...}]} (inferred). Default: an object under the
// singular name (documented).
func WithPluralEnvelopes() ServerOption {
	return func(c *config) { c.pluralEnvelopes = true }
}

// WithTextIDs gives each contact and message a UUID as its id in all calls (inferred).
// Default: an integer, and in searches a different id, which is a UUID (documented).
func WithTextIDs() ServerOption { return func(c *config) { c.textIDs = true } }

// WithIntegerSearchIDs makes searches return the same ids as the other calls (inferred).
// Default: in searches a contact has a different id, which is a UUID (documented).
func WithIntegerSearchIDs() ServerOption {
	return func(c *config) { c.integerSearchIDs = true }
}

// WithFullSearchRecords makes searches return records with all 58 fields (inferred).
// Default: only id, full_name, fist_name, last_name, email, and a field "//" with the
// value "..." (documented).
func WithFullSearchRecords() ServerOption {
	return func(c *config) { c.fullSearchRecords = true }
}

// WithUnresolvableSearchIDs makes a get, update or delete by the UUID from a search fail
// with 404 (inferred). Default: the UUID identifies the contact, and is the id in the
// response (inferred).
func WithUnresolvableSearchIDs() ServerOption {
	return func(c *config) { c.unresolvableSearch = true }
}

// WithCanonicalIDs makes a get or update by the UUID from a search return the contact with
// its integer id (inferred). Default: with the UUID (inferred).
func WithCanonicalIDs() ServerOption { return func(c *config) { c.canonicalIDs = true } }

// WithNoContentOnDelete makes deletes return 204 and no body (inferred).
// Default: 200, with {} for a contact (inferred), and for a message with a search result,
// which looks like a copy-and-paste error in the reference (documented).
func WithNoContentOnDelete() ServerOption {
	return func(c *config) { c.noContentDelete = true }
}

// WithPartialResultsLimit sets how many results a search can reach, over all its pages.
// Default: 10000 (documented).
func WithPartialResultsLimit(n int) ServerOption {
	return func(c *config) { c.partialLimit = n }
}

// WithExclusiveBounds leaves records that were updated exactly at from or to out of the
// updated-between lists (inferred). Default: the lists include them (inferred).
func WithExclusiveBounds() ServerOption {
	return func(c *config) { c.exclusiveBounds = true }
}

// WithListLag makes creates and updates visible in the updated-between lists only after
// d. Deletes are visible at once.
func WithListLag(d time.Duration) ServerOption {
	return func(c *config) { c.listLag = d }
}

// WithSearchLag makes creates and updates visible in searches only after d. Deletes are
// visible at once.
func WithSearchLag(d time.Duration) ServerOption {
	return func(c *config) { c.searchLag = d }
}

// CapOrder is which records remain of a list that is cut short. See [WithListCap].
type CapOrder int

// The orders of [WithListCap].
const (
	CapByCreation CapOrder = iota // those that were created first
	CapByOldest                   // those whose last update is the oldest
	CapByNewest                   // those whose last update is the newest
	CapByNothing                  // any, but always the same of a list
)

// WithListCap cuts the updated-between lists to n records without reporting it. 0 means no
// cap. By default the records remain that were created first.
func WithListCap(n int, by ...CapOrder) ServerOption {
	return func(c *config) {
		c.listCap, c.listCapBy = n, CapByCreation
		if len(by) > 0 {
			c.listCapBy = by[0]
		}
	}
}

// WithKeyedLists writes the updated-between lists as objects whose keys are ids, as in
// {"contacts": {"1102755": {...}}}, if they are not empty (inferred). Default: arrays
// (documented).
func WithKeyedLists() ServerOption { return func(c *config) { c.keyedLists = true } }

// WithBoundsIn reads from and to of the updated-between lists as times in a zone, whatever
// zone they name (inferred). Default: the zone that they name (inferred).
func WithBoundsIn(zone *time.Location) ServerOption {
	return func(c *config) { c.boundsZone = zone }
}

// WithEmailNormalization trims e-mail addresses and stores them in lower case.
func WithEmailNormalization() ServerOption {
	return func(c *config) { c.emailNormalization = true }
}

// WithRewriting changes each text that a create or an update sends before it is stored, as
// servers do that escape, clean or cut what they are given. rewrite returns the text to store
// in the field; "" stores null. It must be safe for concurrent use.
func WithRewriting(rewrite func(field, text string) string) ServerOption {
	return func(c *config) { c.rewrite = rewrite }
}
