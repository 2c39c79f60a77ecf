package growthgenius

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Action is what an upsert did.
type Action string

// The actions.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged" // the contact had all the values: nothing was written
)

// UpsertResult is the result of an upsert.
type UpsertResult struct {
	Contact *Contact // as it is now
	Action  Action
}

// Upsert updates the contact that has the e-mail address of the input, or creates one if
// there is none. If the contact already has all values of the input, nothing is written.
//
// E-mail addresses are the same if they differ only in case, in surrounding spaces, in HTML
// escaping, or in whether the domain is in punycode. If a contact has an address that the API
// may have made of that of the input, such as one without its +tag, the error is a
// [*MultipleMatchesError] with Near set: nothing is created beside it. The contact that an
// earlier upsert of this client, or of its ledger, created for the address matches whatever
// the API has made of the address, until it is deleted or merged into one with another
// address. A text that cannot be an address is an [ErrInvalidInput]: a placeholder such as
// "n/a", an address with a name ("Tony <tony@example.com>") or with a character that cannot
// be seen. With [MatchNameAndCompany], an input can also match by name and company.
//
// Upsert searches for the contact, and reads each candidate to compare it in full, since
// search results may be approximate, abridged and late. If you know that a contact is
// new, Create needs fewer requests.
//
// If in doubt, Upsert does not create a contact. If several contacts match, the error is
// a [*MultipleMatchesError], unless [MatchOldest] is set. If the search is not complete,
// the error matches [ErrPartialResults]. If a candidate cannot be read, the error is that
// of the read. If other calls do not know the id that the search has for it, it is looked for
// in the list of all contacts.
//
// [ErrOutcomeUnknown] means that a contact may have been created, by this call or by an
// earlier upsert with the same e-mail address. Call Upsert again with the same client
// or the same ledger, which resolves that create first and then searches, or call
// [ContactsService.Resolve] with the error's Token. Without Date headers a create cannot be
// resolved. Then the next upserts look for a contact with the address in the list of all
// contacts, too, and after a minute without one, they create it.
//
// Any other error means that this call created nothing. If an update failed, it may have
// been carried out all the same. [ErrChangedSince] means that another program may have
// changed the contact meanwhile: call Upsert again if the input is to overwrite that.
//
// Search results have ids of another kind (documented). The contact in the result, and a
// [*MultipleMatchesError], have the id that the lists of contacts show: it takes one more
// request, for the contacts that were updated at the same time. If the list does not show the
// contact, the id is the one that a Get has returned.
//
// Within one client and its ForUser copies, upserts with the same e-mail address, or that
// match by the same name and company, wait for each other, in no particular order. Each
// knows what the earlier ones created, even if the search does not show it yet. With
// [WithLedger], the same holds for all processes that share the ledger: an upsert acquires the
// keys of its address and its name, and the next one goes on from what is stored under them,
// also if the process ended meanwhile. [ErrLeaseLost] means that this call created nothing and
// that an update may have been carried out: call Upsert again. Without a ledger, upserts in two
// processes can both find nothing and both create a contact: the API has no way to prevent
// that. Use one process then, or partition the addresses.
func (s *ContactsService) Upsert(ctx context.Context, in ContactInput, opts ...RequestOption) (*UpsertResult, error) {
	u := &upsert{
		finder: finder{contacts: s, opts: opts}, in: in, o: applyOptions(opts),
		endpoint: endpoint{route: "Contacts.Upsert"},
	}
	result, err := u.run(ctx)
	if err != nil {
		if unknown, ok := errors.AsType[*OutcomeUnknownError](err); ok {
			unknown.repeatable = s.caller.core.ledger != nil
		}
		var known *callError
		if errors.As(err, &known) || namesCall(err) {
			return nil, err
		}
		return nil, u.endpoint.refuse(err)
	}
	return result, nil
}

// namesCall reports whether the text of err says which call it is from.
func namesCall(err error) bool {
	_, api := errors.AsType[*APIError](err)
	_, decode := errors.AsType[*DecodeError](err)
	_, unknown := errors.AsType[*OutcomeUnknownError](err)
	return api || decode || unknown
}

// upsert is one call of Upsert.
type upsert struct {
	finder
	in       ContactInput
	o        callOptions
	endpoint endpoint

	content match.Row // of in
	keys    []*upsertKey
	user    ID // the acting user
}

// run finds the contact, and updates it or creates one.
func (u *upsert) run(ctx context.Context) (*UpsertResult, error) {
	if err := u.prepare(); err != nil {
		return nil, err
	}
	defer u.release(ctx)
	if err := u.acquire(ctx); err != nil {
		return nil, err
	}
	found, known, err := u.match(ctx)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return u.create(ctx)
	}
	if err := remember(ctx, known.keys, upserted{ID: found.ID, User: u.user, Made: known.made}); err != nil {
		return nil, err
	}
	before, err := rowOf(found)
	if err != nil {
		return nil, err
	}
	content := u.content
	if match.Addresses(u.address, found.Email) == match.Near { // the API would rewrite it again
		content = maps.Clone(content)
		delete(content, "email")
	}
	if _, unchanged := differing(content, before); unchanged {
		return &UpsertResult{found, Unchanged}, nil
	}
	updated, err := u.contacts.update(ctx, found.ID, u.in, before, append(slices.Clone(u.opts), u.guard))
	if err != nil {
		return nil, err
	}
	return &UpsertResult{updated, Updated}, nil
}

// acquire waits until no other upsert of any of the keys is running, in any process that
// shares the ledger. All upserts acquire that of an e-mail address first, so that no two wait
// for each other.
func (u *upsert) acquire(ctx context.Context) error {
	c := u.contacts.caller.core
	for _, key := range u.keys {
		var err error
		if c.ledger == nil {
			err = key.acquire(ctx, &c.upserts)
		} else if err = key.acquire(ctx, c.ledger); err != nil {
			err = fmt.Errorf("acquiring the key from the ledger: %w", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *upsert) release(ctx context.Context) {
	for _, key := range u.keys {
		if key.lease != nil {
			release(ctx, key.lease)
		}
	}
}

// guard is a [RequestOption]: no request leaves unless all leases last until it has ended.
func (u *upsert) guard(o *callOptions) {
	o.leaving = func() error {
		for _, key := range u.keys {
			if err := held(key.lease, u.contacts.caller.core.attemptTimeout); err != nil {
				return err
			}
		}
		return nil
	}
}

// remember stores the outcome of an upsert under keys.
func remember(ctx context.Context, keys []*upsertKey, v upserted) error {
	for _, key := range keys {
		if err := key.remember(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// create creates the contact. It remembers the create before it is sent, so that neither a
// panic nor the end of the process leads to a second create.
func (u *upsert) create(ctx context.Context) (*UpsertResult, error) {
	began := func(token CreateToken) error {
		return remember(ctx, u.keys, upserted{Token: &token, User: u.user, Made: true, Since: time.Now()})
	}
	created, err := u.contacts.Create(ctx, u.in, append(slices.Clone(u.opts), u.guard, func(o *callOptions) { o.storeToken = began })...)
	if err == nil {
		// If the ledger cannot store it, the token is still there, and resolves to it.
		_ = remember(ctx, u.keys, upserted{ID: created.ID, User: u.user, Made: true})
		return &UpsertResult{created, Created}, nil
	}
	if unknown, ok := errors.AsType[*OutcomeUnknownError](err); ok {
		_ = began(unknown.Token) // the former token does, too
		return nil, err
	}
	for _, key := range u.keys { // it was not created; a later call finds that out again
		_ = key.forget(ctx, u.user)
	}
	return nil, err
}

// prepare checks the input, and sets what to match by.
func (u *upsert) prepare() error {
	if u.o.err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidInput, u.o.err)
	}
	user, err := actingUser(u.contacts.caller.userID, &u.o)
	if err != nil {
		return err
	}
	raw, err := encodeInput(u.in)
	if err != nil {
		return err
	}
	if err := wire.Unmarshal(raw, &u.content); err != nil {
		return err
	}
	u.address, u.oldest = u.content.Text("email"), u.o.matchOldest
	u.email = match.Fold(u.address)
	if u.o.matchCompany {
		u.name, u.company = match.FullName(u.content), match.Fold(u.content.Text("company_name"))
	}
	switch {
	case u.o.once != nil:
		return fmt.Errorf("%w: Once is for Create: an upsert has keys of its own", ErrInvalidInput)
	case u.email == "" && !u.o.matchCompany:
		return fmt.Errorf("%w: an upsert needs an Email, or MatchNameAndCompany", ErrInvalidInput)
	case u.email == "" && (u.name == "" || u.company == ""):
		return fmt.Errorf("%w: to match by name and company set FullName, or FirstName and LastName, and CompanyName", ErrInvalidInput)
	}
	u.user = user
	if u.email != "" {
		if err := checkAddress(strings.TrimSpace(u.address)); err != nil {
			return fmt.Errorf("%w; if the contact has none, leave Email out: use Create, or MatchNameAndCompany", err)
		}
		u.keys = append(u.keys, newUpsertKey("email", u.email, u.email))
	}
	if u.name != "" && u.company != "" {
		u.keys = append(u.keys, newUpsertKey("name", u.name+" "+u.company, u.name+"\x00"+u.company))
	}
	return nil
}

// matched is how a contact was found: the keys under which it is to be remembered, and
// whether an earlier upsert created it.
type matched struct {
	keys []*upsertKey
	made bool
}

// match returns the contact to update, or nil if there is none.
func (u *upsert) match(ctx context.Context) (*Contact, matched, error) {
	var tried []upserted
	for i, key := range u.keys {
		for _, known := range key.recall(u.user) {
			if slices.ContainsFunc(tried, known.is) {
				continue
			}
			tried = append(tried, known)
			c, err := u.recalled(ctx, known, key, i == 0)
			switch {
			case err == nil && c != nil:
				return c, matched{u.keys[:i+1], known.Made}, nil
			case err != nil && !isGone(err) && (known.User == u.user || !errors.Is(err, ErrForbidden)):
				return nil, matched{}, err
			}
		}
		if c, err := u.find(ctx, key); c != nil || err != nil {
			return c, matched{keys: u.keys[:i+1]}, err
		}
	}
	return nil, matched{}, nil
}

// recalled returns the contact of an earlier upsert of the key, as the acting user sees it,
// or nil if it is not the contact of the key anymore. first means that it is the key that
// identifies the contact.
func (u *upsert) recalled(ctx context.Context, known upserted, key *upsertKey, first bool) (*Contact, error) {
	id := known.ID
	if known.Token != nil {
		outcome, ok := u.contacts.caller.core.readBack.Outcome(known.Token.t)
		if id = ID(outcome); !ok {
			c, err := u.contacts.Resolve(ctx, *known.Token, u.opts...)
			if errors.Is(err, ErrOutcomeUnknown) && ctx.Err() == nil {
				return u.unresolved(ctx, known, key, err)
			}
			if err != nil || known.User == u.user && (first || u.matchedBy(c) != "") {
				return c, err
			}
			id = c.ID
		}
	}
	c, err := u.get(ctx, id)
	switch merged := err == nil && !sameID(c.ID, id); {
	case err != nil, u.matchedBy(c) != "", first && known.Made && !merged:
		return c, err
	case first && known.Made && match.Addresses(u.address, c.Email) == match.Near:
		return c, nil // it was merged into one that the API has rewritten as well
	default:
		return nil, nil //nolint:nilnil // it is another one
	}
}

// rowOf returns a contact as the fields that the API sent.
func rowOf(c *Contact) (match.Row, error) {
	raw, err := wire.MarshalVerbatim(c)
	var row match.Row
	if err == nil {
		err = wire.Unmarshal(raw, &row)
	}
	return row, err
}
