package growthgenius

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/pace"
	"github.com/growthgenius/growthgenius-go/internal/readback"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Version is the version of this SDK, as sent in the User-Agent header.
const Version = "0.1.0"

// Client is a client of the API. It is safe for concurrent use, and one is enough for a
// program: it holds the connections, the limiter and the retry budget.
//
// A Client is made by [NewClient] or [NewClientFromEnv]; the zero value cannot be used.
type Client struct {
	Users      *UsersService
	Contacts   *ContactsService
	Messages   *MessagesService
	Enrichment *EnrichmentService

	caller caller
}

// NewClient returns a client that authenticates with the API key. Most calls also need
// to know on whose behalf they act: see [WithUserID] and [Client.ForUser].
//
// It sends nothing. It returns an error that matches [ErrInvalidInput] if the key or an
// option is not valid.
func NewClient(apiKey string, opts ...Option) (*Client, error) {
	if err := checkAPIKey(apiKey); err != nil {
		return nil, err
	}
	cfg := defaultConfig()
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&cfg); err != nil {
			return nil, fmt.Errorf("growthgenius: %w: %w", ErrInvalidInput, err)
		}
	}
	base, err := parseBaseURL(cfg.baseURL)
	if err != nil {
		return nil, fmt.Errorf("growthgenius: %w: %w", ErrInvalidInput, err)
	}
	c := &core{
		base:        base,
		budget:      pace.NewBudget(),
		redact:      redact.New(apiKey),
		markerField: cfg.markerField,
		maxBytes:    cfg.maxBytes,
		logger:      cfg.logger,
		strict:      cfg.strict,
		personPath:  cfg.personPath,
		ledger:      cfg.ledger,
		observer:    cfg.observer,
	}
	c.lookups = newLookups(c, cfg.cache, apiKey)
	c.begin(&cfg, apiKey)
	return newClient(caller{c, cfg.userID}), nil
}

// begin sets up what sends requests, and what finds out what became of creates.
func (c *core) begin(cfg *config, apiKey string) {
	timeout, setBy := cfg.attemptTimeout, "WithAttemptTimeout"
	if t := cfg.httpClient.Timeout; t > 0 && t < timeout {
		timeout, setBy = t, "the Timeout of the client given to WithHTTPClient"
	}
	transport := cfg.httpClient.Transport
	if transport == nil {
		transport = defaultTransport()
	}
	retry := cfg.retry.withDefaults()
	c.maxAttempts, c.attemptTimeout = retry.MaxAttempts, timeout
	c.gate = pace.NewGate(cfg.limiter, retry.MaxRetryAfter)
	c.readBack = readback.New(readback.Config{
		Policy: readback.Policy(cfg.readBack), AttemptTimeout: timeout, Lists: lists{c}, Logger: c.logger, Describe: loggable,
		Observe: c.observeReadBack(),
	})
	c.engine = engine.New(engine.Config{
		Transport:     transport,
		Cookies:       cfg.httpClient.Jar,
		Authorization: func() string { return apiKey },
		UserAgent:     strings.TrimSpace(cfg.userAgent + " growthgenius-go/" + Version),
		Timeout:       timeout,
		TimeoutSetBy:  setBy,
		MaxBytes:      c.maxBytes,
		Retry:         engine.Policy(retry),
		Gate:          c.gate,
		Budget:        c.budget,
		Redact:        c.redact,
		Logger:        c.logger,
		Date: func(sent, received time.Time, res *engine.Response) {
			at, ok := res.Date()
			if !ok {
				return
			}
			c.readBack.Clock().Observe(sent, received, at)
			if res.Succeeded() {
				c.dates.note(at, received)
			}
		},
	})
}

// NewClientFromEnv returns a client that is configured by environment variables: the API
// key in GROWTHGENIUS_API_KEY, the acting user in GROWTHGENIUS_USER_ID and the base URL in
// GROWTHGENIUS_BASE_URL. Only the key is required. Options override the environment.
func NewClientFromEnv(opts ...Option) (*Client, error) {
	key := os.Getenv("GROWTHGENIUS_API_KEY")
	if key == "" {
		return nil, fmt.Errorf("growthgenius: %w: the environment variable GROWTHGENIUS_API_KEY is not set", ErrInvalidInput)
	}
	var env []Option
	if id := os.Getenv("GROWTHGENIUS_USER_ID"); id != "" {
		env = append(env, WithUserID(ID(id)))
	}
	if base := os.Getenv("GROWTHGENIUS_BASE_URL"); base != "" {
		env = append(env, WithBaseURL(base))
	}
	return NewClient(key, append(env, opts...)...)
}

func newClient(c caller) *Client {
	return &Client{
		Users:      &UsersService{c},
		Contacts:   &ContactsService{c},
		Messages:   &MessagesService{c},
		Enrichment: &EnrichmentService{c},
		caller:     c,
	}
}

// ForUser returns a client that acts on behalf of another user. It shares connections,
// limiter and retry budget with c, so it is cheap to create.
func (c *Client) ForUser(id ID) *Client { return newClient(c.caller.as(id)) }

// Ledger returns the ledger of [WithLedger], or nil if the client has none.
func (c *Client) Ledger() Ledger { return c.caller.core.ledger }

// Pace returns how fast the client may send requests at present. It leaves out what holds back
// a single call, or only the calls of one endpoint.
func (c *Client) Pace() Pace { return Pace(c.caller.core.gate.Pace()) }

// String returns the base URL and the acting user, never the key.
func (c *Client) String() string {
	if c == nil || c.caller.core == nil {
		return "growthgenius.Client(not made by NewClient)"
	}
	return fmt.Sprintf("growthgenius.Client(%s, user %q)", c.caller.core.base, string(c.caller.userID))
}

// Do sends a request to any path of the API, with the API key, user_id, retries and limiter
// of every other call. Use it for endpoints that this SDK does not know yet, such as those
// of the Discovery and Prospector APIs, which the reference names without describing them.
//
// The path is relative to the base URL and starts with a slash. Each segment must be
// escaped (see [url.PathEscape]). The path appears in errors and logs, so it must not
// contain secrets. The query is nil, [url.Values] or a struct with `url` tags. The body is
// nil or a value for encoding/json. The response is decoded into out by encoding/json,
// unless out is nil. Then one that is a page, or that reports an error, is an [ErrDecode]
// or, after a POST, an [*OutcomeUnknownError]. Types of this package decode as tolerantly as
// in other calls.
//
// Do adds the user_id of the acting user to every path except /users. It treats a POST as a
// create: it retries it only if the request provably never reached the API, or if the
// response was 429. If the outcome is not known, the error is an [*OutcomeUnknownError].
func (c *Client) Do(ctx context.Context, method, path string, query, body, out any, opts ...RequestOption) error {
	e := endpoint{method: strings.ToUpper(method), route: path, query: query, body: body, anonymous: path == "/users", raw: true, empty: out == nil}
	if err := checkDo(e.method, path, out); err != nil {
		return endpoint{route: "Client.Do"}.refuse(err) // the path may be anything, even a URL with a key
	}
	return callInto(ctx, c.caller, e, out, opts)
}

// checkDo returns an error for arguments that would only fail after the request was sent.
func checkDo(method, path string, out any) error {
	if method == "" || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return fmt.Errorf("%w: %q is not an HTTP method; use a constant such as http.MethodGet", ErrInvalidInput, method)
	}
	if v := reflect.ValueOf(out); out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return fmt.Errorf("%w: out is of type %T: it must be a pointer that is not nil, or nil for no decoding", ErrInvalidInput, out)
	}
	return checkRawPath(path)
}

func checkAPIKey(key string) error {
	if key == "" {
		return fmt.Errorf("growthgenius: %w: the API key is empty", ErrInvalidInput)
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			hint := ""
			if key[i] == '\n' || key[i] == '\r' {
				hint = " (a newline from the file it was read from?)"
			}
			return fmt.Errorf("growthgenius: %w: the API key has a blank, a control character or a non-ASCII character at byte %d of %d%s",
				ErrInvalidInput, i+1, len(key), hint)
		}
	}
	return nil
}

// parseBaseURL parses a base URL. It accepts https, and plain http for loopback addresses.
func parseBaseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the base URL cannot be parsed") // the text may carry a secret
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", u.Opaque != "":
		return nil, fmt.Errorf("the base URL must be like %s", DefaultBaseURL)
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return nil, errors.New("the base URL must have no user, query or fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("the base URL is plain http to %s: the API key would travel in the clear; use https (http is for loopback only)", u.Hostname())
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// callInto makes a call whose response is decoded into a value of the caller's.
func callInto(ctx context.Context, c caller, e endpoint, out any, opts []RequestOption) (err error) {
	ctx = c.observe(ctx, &e)
	defer e.seen.done(&err)
	if err := checkPath(e.route); err != nil {
		return e.refuse(err)
	}
	res, err := c.send(ctx, e, opts)
	if err != nil {
		return err
	}
	switch {
	case out == nil:
		err = refusal(e, res)
	case res.IsPage():
		err = errPage
	default:
		err = wire.UnmarshalForeign(res.Body, out)
	}
	if err == nil {
		return nil
	}
	err = e.undecodable(c.core, res, err)
	if e.class.Of(e.method) == engine.Unsent {
		return c.unknownForGood(ctx, e, err, nil)
	}
	return err
}
