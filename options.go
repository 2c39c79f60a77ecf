package growthgenius

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/growthgenius/growthgenius-go/internal/pace"
)

// Option configures a client. See [NewClient].
type Option func(*config) error

type config struct {
	baseURL        string
	userID         ID
	httpClient     http.Client
	limiter        Limiter
	retry          RetryPolicy
	readBack       ReadBackPolicy
	markerField    string
	attemptTimeout time.Duration
	maxBytes       int64
	logger         *slog.Logger
	userAgent      string
	strict         bool
	personPath     string
	cache          EnrichmentCache
	ledger         Ledger
	observer       *Observer
}

const (
	defaultAttemptTimeout   = 30 * time.Second
	defaultMaxResponseBytes = 64 << 20
)

func defaultConfig() config {
	return config{
		baseURL:        DefaultBaseURL,
		attemptTimeout: defaultAttemptTimeout,
		maxBytes:       defaultMaxResponseBytes,
		personPath:     defaultPersonPath,
		limiter:        pace.NewAdaptive(),
		readBack:       ReadBackPolicy{}.withDefaults(),
	}
}

// WithUserID sets the acting user. The API requires it as user_id in the query of every
// call except [UsersService.List] (documented). It is not the UserID of a record.
// [Client.ForUser] and [AsUser] set another one.
func WithUserID(id ID) Option {
	return func(c *config) error {
		if id == "" {
			return errors.New("WithUserID: the id is empty")
		}
		if strings.TrimSpace(string(id)) != string(id) {
			return fmt.Errorf("WithUserID(%q): the id has blanks around it", string(id))
		}
		c.userID = id
		return nil
	}
}

// WithBaseURL sets the base URL of the API in place of [DefaultBaseURL]. It must be https.
// Plain http is accepted for loopback addresses only, since each request carries the API
// key.
func WithBaseURL(base string) Option {
	return func(c *config) error {
		c.baseURL = base
		return nil
	}
}

// WithHTTPClient sets the Transport, the Timeout (of each attempt) and the Jar of the client
// to those of hc. Redirects are never followed, whatever hc.CheckRedirect is, and the idle
// connections of the transport are never closed. The client copies hc and does not see
// later changes to it. If Transport is nil, the client uses its default transport, which is
// one of [DefaultTransport]: start from that rather than from net/http's.
//
// After an attempt of a call timed out, its further attempts use a copy of an
// [*http.Transport], so that each has a connection of its own: over HTTP/2, it would get the
// one that may be dead. A transport of another type sends all attempts.
func WithHTTPClient(hc *http.Client) Option {
	return func(c *config) error {
		if hc == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		c.httpClient = *hc
		return nil
	}
}

// WithRateLimit limits the client to perSecond requests per second on average, and to burst
// requests at once. Retries count. The default is an adaptive limiter: it does not hold
// requests back until the first 429, and then finds the rate that the API accepts. The API
// documents no limits.
//
// A 429 that asks to wait for up to a second holds back only the call that got it, unless more
// than a third of the last 64 requests got one, or seven in a row: then the rate is wrong, and
// all calls wait. All calls wait if a 429 asks for longer, or a 503 asks to wait.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(c *config) error {
		if !(perSecond > 0) || math.IsInf(perSecond, 1) || burst < 1 {
			return fmt.Errorf("WithRateLimit(%v, %d): both must be positive", perSecond, burst)
		}
		c.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
		return nil
	}
}

// WithLimiter sets the limiter that each attempt of each call waits for. A [*rate.Limiter]
// is a Limiter. What a Retry-After holds back beside it is the same as with [WithRateLimit].
func WithLimiter(l Limiter) Option {
	return func(c *config) error {
		if l == nil {
			return errors.New("WithLimiter: the limiter is nil")
		}
		c.limiter = l
		return nil
	}
}

// WithRetry sets how often and how patiently calls are retried. A zero field means its
// default.
func WithRetry(policy RetryPolicy) Option {
	return func(c *config) error {
		if err := policy.check(); err != nil {
			return err
		}
		c.retry = policy
		return nil
	}
}

// WithReadBack sets how the client looks for the record of a create that had no usable
// response. A zero field means its default.
func WithReadBack(policy ReadBackPolicy) Option {
	return func(c *config) error {
		if policy.Settle < 0 || policy.ReplayAfter < 0 {
			return fmt.Errorf("WithReadBack(%+v): no field may be negative", policy)
		}
		c.readBack = policy.withDefaults()
		return nil
	}
}

// WithMarkerField reserves one of the contact fields custom1 to custom9 for a marker.
// [ContactsService.Create] writes a unique marker into it, so that a contact whose response
// was lost can be identified exactly, even among equal contacts and across processes. A
// create that sets the field itself is an error. An update changes the field only if it
// sets it.
func WithMarkerField(field string) Option {
	return func(c *config) error {
		if len(field) != len("custom1") || !strings.HasPrefix(field, "custom") || field[6] < '1' || field[6] > '9' {
			return fmt.Errorf("WithMarkerField(%q): it must be one of custom1 to custom9", field)
		}
		c.markerField = field
		return nil
	}
}

// WithAttemptTimeout sets the timeout of each attempt of a call, from the connection to the
// last byte of the body. For a stream, it bounds the wait for the response and for each
// further read. The default is 30 seconds. The context bounds the whole call.
func WithAttemptTimeout(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("WithAttemptTimeout(%s): it must be positive", d)
		}
		c.attemptTimeout = d
		return nil
	}
}

// WithMaxResponseBytes limits the size of each response in bytes, after decompression. For a
// stream, it limits each record. A larger one is an [ErrResponseTooLarge]. The default is
// 64 MiB. It is for successes: of an error response, the first 64 KiB are read.
func WithMaxResponseBytes(n int64) Option {
	return func(c *config) error {
		if n <= 0 {
			return fmt.Errorf("WithMaxResponseBytes(%d): it must be positive", n)
		}
		c.maxBytes = min(n, math.MaxInt64-1) // one more is read to see that it is too much
		return nil
	}
}

// WithLogger sets the logger. Without one, nothing is logged. It receives:
//
//   - at level debug, each attempt, and each list that is read to find creates;
//   - as a warning, each retry, each call that the client gives up, each failure of the
//     enrichment cache, and each field that is not as the reference says (once per field);
//   - of a create without a usable response, a warning when the client begins to look for
//     its record, and one record when that ends: at level info if the record was found, or
//     if [ContactsService.Resolve] shows that the create did not happen, a warning if the
//     outcome is still unknown or the create is sent again.
//
// All records have the attributes method and route (a template). As far as they apply, they
// have attempt, status, request_id (of the response), error, reason, wait and duration. They
// contain no ids of contacts and messages (except for the path given to [Client.Do]), no
// query, no body and no key.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		c.logger = l
		return nil
	}
}

// WithUserAgent adds the name of the program to the User-Agent header, before that of the
// SDK: "acme-sync/1.2 growthgenius-go/0.1.0".
func WithUserAgent(product string) Option {
	return func(c *config) error {
		if err := checkHeaderValue(product); err != nil {
			return fmt.Errorf("WithUserAgent: %w", err)
		}
		c.userAgent = product
		return nil
	}
}

// WithStrictDecoding rejects responses with unknown fields or fields of unexpected types:
// they are an [ErrDecode]. By default such values are kept in Extra. It is meant for tests.
// If the response to a create is rejected, the error is an [*OutcomeUnknownError]: the
// record may exist. Responses to [Client.Do] are not checked.
func WithStrictDecoding() Option {
	return func(c *config) error {
		c.strict = true
		return nil
	}
}

// WithPersonPath sets the path of the person lookup, which the reference does not specify.
// The default is "/people/find" (inferred).
func WithPersonPath(path string) Option {
	return func(c *config) error {
		if err := checkRawPath(path); err != nil {
			return fmt.Errorf("WithPersonPath: %w", err)
		}
		c.personPath = path
		return nil
	}
}

// WithEnrichmentCache stores the results of lookups in cache for 30 days. In that time the
// API charges for a unique request once (documented). "Not found" is stored for a day, if
// the 404 looks like the API's own and not like that of a gateway; [ErrPending] and all
// other errors are not stored. [Refresh] makes a call ask again. [NewMemoryCache] returns
// a cache for one process.
//
// Callers that ask for the same at the same time share one call, also across
// [Client.ForUser] and [AsUser]: the users of an account get the same result. The shared
// call uses the first caller's options and runs until no caller waits for it. If it fails,
// it fails for all of them. Clients with different API keys or base URLs share nothing, nor
// do calls with different headers ([WithHeader]), except those that only name a call, such
// as X-Request-Id and Traceparent: a header may name an account.
//
// If the cache fails, panics or takes over 2 seconds, the lookup does not fail: the client
// makes the call, or does not store its result, and logs a warning.
func WithEnrichmentCache(cache EnrichmentCache) Option {
	return func(c *config) error {
		if cache == nil {
			return errors.New("WithEnrichmentCache: the cache is nil")
		}
		c.cache = cache
		return nil
	}
}

// WithLedger sets where the keys of [Once] are stored, and what upserts know of each other:
// see [ContactsService.Upsert]. All processes that share a ledger share that. Package ledger
// has one in a file, for a single process.
func WithLedger(l Ledger) Option {
	return func(c *config) error {
		if l == nil {
			return errors.New("WithLedger: the ledger is nil")
		}
		c.ledger = l
		return nil
	}
}

// WithObserver sets what is told of each call of the client, and of those that its ForUser
// returns. Without one, nothing is measured. Later changes to o are not seen.
func WithObserver(o Observer) Option {
	return func(c *config) error {
		c.observer = &o
		return nil
	}
}

// DefaultBaseURL is where the API lives. Documented.
const DefaultBaseURL = "https://api.growthgenius.com/integrations/v1"

// defaultPersonPath is inferred from that of the company lookup: the reference describes
// the person lookup's parameters without saying where it is.
const defaultPersonPath = "/people/find"
