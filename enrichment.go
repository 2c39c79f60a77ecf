package growthgenius

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/lookup"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/redact"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// EnrichmentService is the Enrichment API: lookups of people and companies.
//
// Lookups cost money: "You'll only be charged once per 30 day period for each unique
// request" (documented). To repeat a request within 30 days is free, so lookups are
// retried like reads. [WithEnrichmentCache] saves the request too.
type EnrichmentService struct{ caller caller }

// PersonQuery identifies the person to look up: by Email, or by name and company. At
// least one part of the name, and the company's name or website, are needed if Email is
// not set. If Email is set, the API ignores WebsiteURL (documented).
//
// Characters that cannot be seen, such as zero-width spaces, are not sent.
type PersonQuery struct {
	Email       string `url:"email,omitempty"`
	FirstName   string `url:"first_name,omitempty"`
	LastName    string `url:"last_name,omitempty"`
	AccountName string `url:"account_name,omitempty"` // The company's name.
	// WebsiteURL is the company's website, not a profile of the person. It must have a
	// domain, as for a lookup of a company.
	WebsiteURL string `url:"website_url,omitempty"`
}

type companyQuery struct {
	Domain string `url:"domain"`
}

// Company looks up a company by its domain, such as "tesla.com". A URL is accepted too,
// and reduced to its domain. What cannot be a domain is an [ErrInvalidInput], so that no
// lookup is paid for it: a domain ends in a dot and a top-level domain, which placeholders
// such as "n/a", "unknown", "-" and "k.A." do not.
//
// [ErrNotFound] means that no company is known for the domain. [ErrPending] means that
// the API has queued the lookup (202, inferred): try again later.
func (s *EnrichmentService) Company(ctx context.Context, domain string, opts ...RequestOption) (*Company, error) {
	e, key, err := s.company(domain)
	if err != nil {
		return nil, err
	}
	return lookUp[Company](ctx, s.caller, e, opts, key)
}

// CompanyKey returns the key under which the cache of [WithEnrichmentCache] has the result
// of [EnrichmentService.Company]. It is the same for all spellings of a domain. The options
// are those of the lookup: a header may be part of the key.
func (s *EnrichmentService) CompanyKey(domain string, opts ...RequestOption) (string, error) {
	e, key, err := s.company(domain)
	if err != nil {
		return "", err
	}
	return s.caller.cacheKey(e, opts, key)
}

func (s *EnrichmentService) company(domain string) (e endpoint, key func(*lookups) string, err error) {
	e = endpoint{method: http.MethodGet, route: "/companies/find", lookup: true}
	if domain, err = cleanDomain(domain); err != nil {
		return e, nil, e.refuse(err)
	}
	e.query = companyQuery{Domain: domain}
	return e, func(*lookups) string { return "company:" + domain }, nil
}

// Person looks up a person by e-mail address, or by name and company.
//
// [ErrNotFound] means that no person was found. [ErrPending] means that the API has
// queued the lookup (202, inferred): try again later.
//
// The reference has the parameters of this lookup, but not its path. GET /people/find is
// inferred; [WithPersonPath] sets another path.
func (s *EnrichmentService) Person(ctx context.Context, q PersonQuery, opts ...RequestOption) (*Person, error) {
	e, key, err := s.person(q)
	if err != nil {
		return nil, err
	}
	return lookUp[Person](ctx, s.caller, e, opts, key)
}

// PersonKey returns the key under which the cache of [WithEnrichmentCache] has the result of
// [EnrichmentService.Person]. What identifies the person cannot be read from it. A program
// that is to forget a person removes this key from its cache.
func (s *EnrichmentService) PersonKey(q PersonQuery, opts ...RequestOption) (string, error) {
	e, key, err := s.person(q)
	if err != nil {
		return "", err
	}
	return s.caller.cacheKey(e, opts, key)
}

func (s *EnrichmentService) person(q PersonQuery) (e endpoint, key func(*lookups) string, err error) {
	e = endpoint{method: http.MethodGet, route: s.caller.core.personPath, lookup: true, raw: true}
	if q, err = q.clean(); err != nil {
		return e, nil, e.refuse(err)
	}
	e.query = q
	return e, func(l *lookups) string {
		return "person:" + l.mac(e.route+q.key()) // with another path a 404 means nothing
	}, nil
}

// bareRecord lets type inference find the pointer type of a record that has no envelope.
type bareRecord[T any] interface {
	*T
	json.Unmarshaler
	settle() error // completes a decoded record
	named() bool
}

// lookUp makes a lookup, unless its result is in the cache or another call is making it.
// key returns the end of its key in the cache, which is the same for all ways to write the
// same request. The acting user is not part of the key: the result does not depend on it.
func lookUp[T any, P bareRecord[T]](ctx context.Context, c caller, e endpoint, opts []RequestOption, key func(*lookups) string) (v *T, err error) {
	ctx = c.observe(ctx, &e)
	defer e.seen.done(&err)
	if c.core.lookups == nil && !applyOptions(opts).cached {
		e.seen.event(ctx, EventLookup, lookup.Sent, 0)
		res, err := c.send(ctx, e, opts)
		if err != nil {
			return nil, err
		}
		return decodeBare[T, P](ctx, c, e, res)
	}
	cached, err := c.cacheKey(e, opts, key)
	if err != nil {
		return nil, err
	}
	res, err := c.find(ctx, e, opts, cached, func(ctx context.Context, res *engine.Response) error {
		_, err := decodeBare[T, P](ctx, c, e, res)
		return err
	})
	if err != nil {
		return nil, err
	}
	return decodeBare[T, P](ctx, c, e, res)
}

func decodeBare[T any, P bareRecord[T]](ctx context.Context, c caller, e endpoint, res *engine.Response) (*T, error) {
	v := new(T)
	err := c.decodeWhole(ctx, e, res, P(v), func() error {
		if err := P(v).settle(); err != nil {
			return err
		}
		if !P(v).named() {
			return errors.New("the record has no id, no name and no website")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// enrichmentTTL is how long results are kept. The API charges once for a lookup in 30 days
// (documented). "Not found" is kept for a day: to ask again is free, and who is not known
// today may be known tomorrow.
var enrichmentTTL = lookup.TTL{Found: 30 * 24 * time.Hour, NotFound: 24 * time.Hour}

// newLookups returns what lookups need of the cache, or nil if there is none. A result
// may be one of the account's own contacts, so accounts that share a cache have different
// keys. A header may name an account too: see callHeaders.
func newLookups(c *core, cache EnrichmentCache, apiKey string) *lookups {
	if cache == nil {
		return nil
	}
	mac := func(text string) string {
		h := hmac.New(sha256.New, []byte(apiKey))
		h.Write([]byte(text))
		return hex.EncodeToString(h.Sum(nil))
	}
	return &lookups{
		shared: lookup.New(cache, enrichmentTTL, c.cacheFailed),
		prefix: func(h http.Header) string {
			return "growthgenius:v1:" + mac(c.base.String() + headersText(h))[:16] + ":"
		},
		mac: mac,
	}
}

// cacheKey returns the key of a lookup in the cache. An invalid call is refused: it must not
// fail the callers that share the lookup.
func (c caller) cacheKey(e endpoint, opts []RequestOption, key func(*lookups) string) (string, error) {
	o := applyOptions(opts)
	if c.core.lookups == nil {
		return "", e.refuse(fmt.Errorf("%w: the client has no cache of lookups: see WithEnrichmentCache", ErrInvalidInput))
	}
	if _, err := e.build(c.core.base, c.userID, &o); err != nil {
		return "", e.refuse(err)
	}
	return c.core.lookups.prefix(o.header) + key(c.core.lookups), nil
}

// find makes a lookup that other callers share. usable reports whether a response can be
// decoded.
func (c caller) find(ctx context.Context, e endpoint, opts []RequestOption, key string, usable func(context.Context, *engine.Response) error) (*engine.Response, error) {
	o := applyOptions(opts)
	question := lookup.Question[looked]{
		Key:   key,
		Fresh: o.refresh,
		Name:  e.route,
		Tell:  func(ctx context.Context, how string) { e.seen.event(ctx, EventLookup, how, 0) },
		Ask: func(ctx context.Context) (l looked) {
			l.res, l.err = c.send(ctx, e, append(slices.Clone(opts), CaptureResponse(&l.info)))
			return l
		},
		Keep: func(ctx context.Context, l looked) (lookup.Value, bool) {
			if l.err == nil && usable(ctx, l.res) != nil {
				return lookup.Value{}, false
			}
			return c.core.kept(l)
		},
		Recall: func(ctx context.Context, v lookup.Value) (looked, error) {
			return c.core.recalled(ctx, e, v, usable)
		},
	}
	found, err := c.core.lookups.result(ctx, question, o.cached)
	if err != nil {
		if errs.IsContext(err) {
			err = fmt.Errorf("waiting for a shared lookup: %w", err)
		}
		return nil, e.refuse(err)
	}
	if o.capture != nil && found.info.StatusCode != 0 {
		*o.capture = found.info
		o.capture.Header = found.info.Header.Clone()
	}
	if api, ok := found.err.(*APIError); ok { //nolint:errorlint // a wrapped error is shared: do not modify it
		own := *api
		own.Fields, own.Body = maps.Clone(own.Fields), bytes.Clone(own.Body)
		return nil, &own
	}
	return found.res, found.err
}

// result returns the result of a lookup: what the cache has, or else that of a request unless
// cached is set.
func (l *lookups) result(ctx context.Context, q lookup.Question[looked], cached bool) (looked, error) {
	if !cached {
		return l.shared.Do(ctx, q) //nolint:wrapcheck // find wraps it
	}
	if q.Fresh {
		return looked{}, fmt.Errorf("%w: Refresh and OnlyIfCached exclude each other", ErrInvalidInput)
	}
	found, ok, err := l.shared.Stored(ctx, q)
	switch {
	case err != nil:
		err = fmt.Errorf("reading the cache: %w", err)
	case !ok:
		err = ErrNotCached
	}
	return found, err
}

// kept returns what the cache stores of a lookup. ok is false unless the result is final:
// found or not found.
func (c *core) kept(l looked) (v lookup.Value, ok bool) {
	if l.err == nil {
		return lookup.Value{Found: true, Body: l.res.Body}, !c.redact.Quotes(l.res.Body)
	}
	api, ok := errors.AsType[*APIError](l.err)
	if !ok || !api.RecordNotFound() || !wire.IsOwnNotFound(api.Body) { // Body may be cut short
		return v, false
	}
	return lookup.Value{Body: api.Body}, true
}

// recalled returns the result of a lookup that was stored in the cache.
func (c *core) recalled(ctx context.Context, e endpoint, v lookup.Value, usable func(context.Context, *engine.Response) error) (looked, error) {
	if int64(len(v.Body)) > c.maxBytes {
		return looked{}, ErrResponseTooLarge
	}
	res := &engine.Response{Status: http.StatusOK, Body: v.Body}
	if !v.Found {
		res.Status = http.StatusNotFound
	}
	l := looked{info: ResponseInfo{StatusCode: res.Status, FromCache: true}}
	if !v.Found {
		api := newAPIError(e.about(), res, time.Now(), c.redact)
		if l.err = api; !api.RecordNotFound() {
			return l, errors.New("it is not the API's own 404")
		}
		return l, nil
	}
	l.res = res
	return l, usable(ctx, res)
}

// cacheFailed logs an error of the cache. The call goes on: the lookup is made, or its
// result is not stored.
func (c *core) cacheFailed(ctx context.Context, q lookup.Question[looked], err error) {
	if c.logger == nil {
		return
	}
	text := strings.ReplaceAll(c.redact.Text(err.Error()), q.Key, "[key]")
	c.logger.LogAttrs(ctx, slog.LevelWarn, "growthgenius: the enrichment cache failed",
		slog.String("method", http.MethodGet), slog.String("route", q.Name), slog.String("error", redact.FirstWords([]byte(text))))
}

// cleanDomain returns the form of a domain in which it is sent, so that two lookups of
// the same company are the same request: lower case, in punycode, without scheme, path,
// port, "www.", a dot at the end, and characters that cannot be seen.
func cleanDomain(text string) (string, error) {
	domain, _ := splitSite(match.Visible(text))
	switch {
	case domain == "":
		return "", fmt.Errorf("%w: the domain is empty", ErrInvalidInput)
	case strings.Contains(domain, "@"):
		return "", fmt.Errorf("%w: the domain is an e-mail address: give what follows the @, or use Person", ErrInvalidInput)
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	ascii = strings.TrimSuffix(ascii, ".")
	for { // "www.com" itself is a domain
		rest, found := strings.CutPrefix(ascii, "www.")
		if !found || !strings.Contains(rest, ".") {
			break
		}
		ascii = rest
	}
	if err != nil || !utf8.ValidString(domain) || slices.Contains(strings.Split(ascii, "."), "") || strings.ContainsAny(ascii, " \t\r\n:") || !hasTopLevel(ascii) {
		return "", fmt.Errorf("%w: invalid domain: it should look like \"tesla.com\"", ErrInvalidInput)
	}
	return ascii, nil
}

// hasTopLevel reports whether a domain is one below a top-level domain, which has at least
// two characters, and a letter. What people write in place of a domain has none: "n/a",
// "unknown", "-", "k.A.".
func hasTopLevel(domain string) bool {
	dot := strings.LastIndex(domain, ".")
	top := domain[dot+1:]
	return dot > 0 && len(top) > 1 && strings.Trim(top, "0123456789") != "" && !slices.Contains(notTopLevel, top)
}

// notTopLevel are words for a missing domain, and pieces of a URL, which no top-level
// domain has: they are left of "www.unknown" and "www.http://acme.com".
var notTopLevel = []string{"unknown", "none", "null", "nil", "undefined", "http", "https", "www"}

// splitSite splits the address of a website into its host, without scheme and port, and
// the rest.
func splitSite(text string) (host, rest string) {
	host = strings.TrimSpace(text)
	if scheme, after, found := strings.Cut(host, "://"); found && !strings.ContainsAny(scheme, "./?#") {
		host = after
	}
	host = strings.TrimPrefix(host, "//")
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host, rest = host[:i], host[i:]
	}
	if name, port, found := strings.Cut(host, ":"); found && strings.Trim(port, "0123456789") == "" && !strings.HasPrefix(rest, "//") {
		host = name
	}
	return host, rest
}

// clean checks the query, and returns the form in which it is sent.
func (q PersonQuery) clean() (PersonQuery, error) {
	for _, text := range []*string{&q.Email, &q.FirstName, &q.LastName, &q.AccountName, &q.WebsiteURL} {
		*text = strings.Join(strings.Fields(match.Visible(*text)), " ")
	}
	q.Email = strings.ToLower(q.Email)
	if q.Email != "" {
		if err := checkAddress(q.Email); err != nil {
			return q, err
		}
		local, domain, _ := strings.Cut(q.Email, "@")
		q.Email = local + "@" + match.ASCIIDomain(domain)
		return q, nil
	}
	if (q.FirstName == "" && q.LastName == "") || (q.AccountName == "" && q.WebsiteURL == "") {
		return q, fmt.Errorf("%w: give an e-mail, or else a name and the company's name or website", ErrInvalidInput)
	}
	if q.WebsiteURL != "" {
		if _, err := cleanDomain(q.WebsiteURL); err != nil {
			return q, fmt.Errorf("the website: %w", err)
		}
	}
	return q, nil
}

// key returns a key that is equal for queries that ask for the same person, and only for
// those. It has the path of the website, which may be the only difference between
// companies.
func (q PersonQuery) key() string {
	site := ""
	if q.Email == "" { // else the API ignores the website (documented)
		domain, _ := cleanDomain(q.WebsiteURL) // clean has checked it
		_, rest := splitSite(q.WebsiteURL)
		rest, _, _ = strings.Cut(rest, "#")
		site = domain + strings.TrimSuffix(rest, "/")
	}
	return fmt.Sprintf("%q", []string{q.Email, match.Fold(q.FirstName), match.Fold(q.LastName), match.Fold(q.AccountName), site})
}
