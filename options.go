package growthgenius

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/pace"
	"golang.org/x/time/rate"
)

// Option sets up a client. See [NewClient].
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

// WithUserID sets the acting user: the user_id in the query of every call but
// [UsersService.List], which the API asks for (documented). It is not the UserID of a
// record. [Client.ForUser] and [AsUser] set another one.
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

// WithBaseURL points the client elsewhere than [DefaultBaseURL]. It must be https; plain
// http is accepted for loopback addresses only, since the API key goes with each request.
func WithBaseURL(base string) Option {
	return func(c *config) error {
		c.baseURL = base
		return nil
	}
}

// WithHTTPClient makes the client use the Transport, the Timeout (for each attempt) and
// the Jar of hc. Redirects are never followed, whatever hc.CheckRedirect says, and its
// idle connections are never closed. hc is not modified, and later changes to it are not
// seen. A nil Transport means the SDK's own.
func WithHTTPClient(hc *http.Client) Option {
	return func(c *config) error {
		if hc == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		c.httpClient = *hc
		return nil
	}
}

// WithRateLimit sends at most perSecond requests a second on average, and at most burst
// at once. Retries count. Without it the rate is adapted: requests are not held back until
// the first 429, and then paced at what the API turns out to take. The API documents no
// limits.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(c *config) error {
		if !(perSecond > 0) || math.IsInf(perSecond, 1) || burst < 1 {
			return fmt.Errorf("WithRateLimit(%v, %d): both must be positive", perSecond, burst)
		}
		c.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
		return nil
	}
}

// WithLimiter waits for l before each attempt of each call. A [*rate.Limiter] is one.
func WithLimiter(l Limiter) Option {
	return func(c *config) error {
		if l == nil {
			return errors.New("WithLimiter: the limiter is nil")
		}
		c.limiter = l
		return nil
	}
}

// WithRetry changes how often and how patiently calls are tried again. A zero field
// means its default.
func WithRetry(policy RetryPolicy) Option {
	return func(c *config) error {
		if err := policy.check(); err != nil {
			return err
		}
		c.retry = policy
		return nil
	}
}

// WithReadBack changes how long and how a create without a usable answer is looked for.
// A zero field means its default.
func WithReadBack(policy ReadBackPolicy) Option {
	return func(c *config) error {
		if policy.Settle < 0 || policy.ReplayAfter < 0 {
			return fmt.Errorf("WithReadBack(%+v): no field may be negative", policy)
		}
		c.readBack = policy.withDefaults()
		return nil
	}
}

// WithMarkerField gives up one of the contact fields custom1 to custom9 for a marker:
// each [ContactsService.Create] writes a unique text into it, by which the contact is
// recognised should the answer be lost, whatever else is equal and whoever else creates.
// A create that sets the field itself is an error; an update touches it only if it sets it.
func WithMarkerField(field string) Option {
	return func(c *config) error {
		if len(field) != len("custom1") || !strings.HasPrefix(field, "custom") || field[6] < '1' || field[6] > '9' {
			return fmt.Errorf("WithMarkerField(%q): it must be one of custom1 to custom9", field)
		}
		c.markerField = field
		return nil
	}
}

// WithAttemptTimeout bounds each attempt of a call, from the connection to the last byte
// of the body; of a stream, the wait for its head and for each further piece. The default
// is 30 seconds. The whole call is bounded by its context.
func WithAttemptTimeout(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("WithAttemptTimeout(%s): it must be positive", d)
		}
		c.attemptTimeout = d
		return nil
	}
}

// WithMaxResponseBytes bounds each answer, counted after decompression; of a stream, each
// record. A larger one fails with [ErrResponseTooLarge]. The default is 64 MiB.
func WithMaxResponseBytes(n int64) Option {
	return func(c *config) error {
		if n <= 0 {
			return fmt.Errorf("WithMaxResponseBytes(%d): it must be positive", n)
		}
		c.maxBytes = min(n, math.MaxInt64-1) // one more is read to see that it is too much
		return nil
	}
}

// WithLogger logs to l: a debug record for each attempt, and a warning for each retry, each
// list read to find creates without an answer, each outcome that stays unknown, and each
// field of an answer that is not as the reference says (once per field). Records carry the
// route's template, and so no ids (of [Client.Do] the path as it was given), never a query,
// a body or the key. Without a logger nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		c.logger = l
		return nil
	}
}

// WithUserAgent names your program to the API, before the SDK's own name:
// "acme-sync/1.2 growthgenius-go/0.1.0".
func WithUserAgent(product string) Option {
	return func(c *config) error {
		if err := checkHeaderValue(product); err != nil {
			return fmt.Errorf("WithUserAgent: %w", err)
		}
		c.userAgent = product
		return nil
	}
}

// WithStrictDecoding makes an answer with unknown fields or fields of unexpected types
// fail with [ErrDecode], where it is otherwise decoded and the wire.Oddity kept in Extra. It is
// meant for tests. A create that happened still is no plain failure: it is an
// [*OutcomeUnknownError] then. Answers to [Client.Do] are not checked.
func WithStrictDecoding() Option {
	return func(c *config) error {
		c.strict = true
		return nil
	}
}

// WithPersonPath sets the path of the person lookup, which the reference does not give.
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

// WithEnrichmentCache keeps the answers of lookups in cache for 30 days, in which the API
// charges for a unique request once (documented), and answers from there. "Nobody found"
// (404) is kept as well; [ErrPending] and all other errors are not. [NewMemoryCache] makes a
// cache for one process.
//
// All who ask the same at one time share one call, [Client.ForUser] and [AsUser] included:
// users of one account get one answer. It is sent with the options of whoever asked first,
// goes on until nobody waits for it, and its failure is everybody's. Clients with different
// API keys or base URLs share nothing.
//
// A cache that fails, panics, or takes over 2 seconds does not fail a lookup: the call is
// made, or its answer not kept, and the logger is told.
func WithEnrichmentCache(cache EnrichmentCache) Option {
	return func(c *config) error {
		if cache == nil {
			return errors.New("WithEnrichmentCache: the cache is nil")
		}
		c.cache = cache
		return nil
	}
}

// DefaultBaseURL is where the API lives. Documented.
const DefaultBaseURL = "https://api.growthgenius.com/integrations/v1"

// defaultPersonPath is inferred from that of the company lookup: the reference describes
// the person lookup's parameters without saying where it is.
const defaultPersonPath = "/people/find"
