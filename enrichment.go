package growthgenius

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// EnrichmentService is the Enrichment API: what is known of a person or a company.
//
// Lookups cost money: "You'll only be charged once per 30 day period for each unique
// request" (documented). Asking again within 30 days is free at the vendor, so lookups
// are retried like reads. [WithEnrichmentCache] saves the call too.
type EnrichmentService struct{ caller caller }

// PersonQuery says whom to look up: by Email, or else by name and company. Where an
// e-mail is given the API ignores WebsiteURL (documented).
type PersonQuery struct {
	Email       string `url:"email,omitempty"`
	FirstName   string `url:"first_name,omitempty"`
	LastName    string `url:"last_name,omitempty"`
	AccountName string `url:"account_name,omitempty"` // The company's name.
	WebsiteURL  string `url:"website_url,omitempty"`  // The company's site, never a personal profile.
}

type companyQuery struct {
	Domain string `url:"domain"`
}

// defaultPersonPath is inferred from that of the company lookup: the reference describes
// the person lookup's parameters without saying where it is.
const defaultPersonPath = "/people/find"

// Company looks a company up by its domain, such as "tesla.com".
//
// [ErrNotFound] means that nobody is known under the domain, [ErrPending] (202, inferred)
// that the answer is not ready yet: ask again later.
func (s *EnrichmentService) Company(ctx context.Context, domain string, opts ...RequestOption) (*Company, error) {
	e := endpoint{method: http.MethodGet, route: "/companies/find", lookup: true}
	domain, err := cleanDomain(domain)
	if err != nil {
		return nil, e.refuse(err)
	}
	e.query = companyQuery{Domain: domain}
	return lookUp[Company](ctx, s.caller, e, opts)
}

// Person looks a person up by e-mail, or by name and company.
//
// The reference gives the lookup's parameters but not its path: GET /people/find is
// inferred, and [WithPersonPath] changes it. [ErrNotFound] means that nobody was found,
// [ErrPending] (202, inferred) that the answer is not ready yet.
func (s *EnrichmentService) Person(ctx context.Context, q PersonQuery, opts ...RequestOption) (*Person, error) {
	e := endpoint{method: http.MethodGet, route: s.caller.core.personPath, lookup: true, raw: true}
	q, err := q.clean()
	if err != nil {
		return nil, e.refuse(err)
	}
	e.query = q
	return lookUp[Person](ctx, s.caller, e, opts)
}

// bareRecord lets type inference find the pointer type of a record without an envelope.
type bareRecord[T any] interface {
	*T
	record
	anonymous() bool
}

// lookUp makes a lookup. Who shares an answer with others decodes a copy of its own.
func lookUp[T any, P bareRecord[T]](ctx context.Context, c caller, e endpoint, opts []RequestOption) (*T, error) {
	res, err := c.find(ctx, e, opts, func(ctx context.Context, res *response) error {
		_, err := decodeBare[T, P](ctx, c, e, res)
		return err
	})
	if err != nil {
		return nil, err
	}
	return decodeBare[T, P](ctx, c, e, res)
}

func decodeBare[T any, P bareRecord[T]](ctx context.Context, c caller, e endpoint, res *response) (*T, error) {
	v := new(T)
	err := c.decodeWhole(ctx, e, res, P(v), func() error {
		if P(v).anonymous() {
			return errors.New("the record has no id, no name and no website")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// cleanDomain brings a domain into the one form in which it is asked for, so that asking
// twice for the same company is the same request: lower case, punycode, without scheme,
// path, port, "www." and a dot at the end.
func cleanDomain(text string) (string, error) {
	domain, _ := splitSite(text)
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
	if err != nil || !utf8.ValidString(domain) || slices.Contains(strings.Split(ascii, "."), "") || strings.ContainsAny(ascii, " \t\r\n:") {
		return "", fmt.Errorf("%w: the domain is not one: it should be like \"tesla.com\"", ErrInvalidInput)
	}
	return ascii, nil
}

// asciiDomain is a domain in punycode, without a dot at the end, or as it is where it is none.
func asciiDomain(domain string) string {
	if ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(domain, ".")); err == nil {
		return ascii
	}
	return domain
}

// splitSite cuts the address of a site into its host, without scheme and port, and the rest.
func splitSite(text string) (host, rest string) {
	host = strings.TrimSpace(text)
	if scheme, after, found := strings.Cut(host, "://"); found && !strings.ContainsAny(scheme, "./?#") {
		host = after
	}
	host = strings.TrimPrefix(host, "//")
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host, rest = host[:i], host[i:]
	}
	if name, port, found := strings.Cut(host, ":"); found && strings.Trim(port, "0123456789") == "" {
		host = name
	}
	return host, rest
}

// clean checks the query and brings it into the one form in which it is asked for.
func (q PersonQuery) clean() (PersonQuery, error) {
	for _, text := range []*string{&q.Email, &q.FirstName, &q.LastName, &q.AccountName, &q.WebsiteURL} {
		*text = strings.Join(strings.Fields(*text), " ")
	}
	q.Email = strings.ToLower(q.Email)
	if q.Email != "" {
		at := strings.LastIndex(q.Email, "@")
		if at <= 0 || at == len(q.Email)-1 || strings.ContainsAny(q.Email, " \t\r\n") {
			return q, fmt.Errorf("%w: the e-mail address is not one: it should be like \"elon@tesla.com\"", ErrInvalidInput)
		}
		q.Email = q.Email[:at+1] + asciiDomain(q.Email[at+1:])
		return q, nil
	}
	if (q.FirstName == "" && q.LastName == "") || (q.AccountName == "" && q.WebsiteURL == "") {
		return q, fmt.Errorf("%w: give an e-mail, or else a name and the company's name or website", ErrInvalidInput)
	}
	return q, nil
}

// key is equal for queries that ask for the same person, and for no others: the path of a
// website stays, as it may be all that tells two companies apart.
func (q PersonQuery) key() string {
	site := ""
	if q.Email == "" { // beside one it is ignored (documented)
		site = q.WebsiteURL
		host, rest := splitSite(site)
		if domain, err := cleanDomain(host); err == nil {
			rest, _, _ = strings.Cut(rest, "#")
			site = domain + strings.TrimSuffix(rest, "/")
		}
	}
	return fmt.Sprintf("%q", []string{q.Email, fold(q.FirstName), fold(q.LastName), fold(q.AccountName), site})
}
