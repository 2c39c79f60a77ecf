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
// earlier upsert of this client created for the address matches whatever the API has made
// of the address, until it is deleted or merged into one with another address. A text that
// cannot be an address is an [ErrInvalidInput]: a placeholder such as "n/a", an address with
// a name ("Tony <tony@example.com>") or with a character that cannot be seen. With
// [MatchNameAndCompany], an input can also match by name and company.
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
// earlier upsert with the same e-mail address. Call Upsert again with the same client,
// which resolves that create first, or call [ContactsService.Resolve] with the error's
// Token. Without Date headers a create cannot be resolved. Then the next upserts look for a
// contact with the address in the search and in the list of all contacts, and after a minute
// without one, they create it.
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
// knows what the earlier ones created, even if the search does not show it yet. Upserts in
// two processes can still both find nothing and both create a contact: the API has no way
// to prevent that. Use one process, or partition the addresses.
func (s *ContactsService) Upsert(ctx context.Context, in ContactInput, opts ...RequestOption) (*UpsertResult, error) {
	u := &upsert{
		finder: finder{contacts: s, opts: opts}, in: in, o: applyOptions(opts),
		endpoint: endpoint{route: "Contacts.Upsert"},
	}
	result, err := u.run(ctx)
	if err != nil {
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
	keys    []upsertKey
	user    ID // the acting user
}

// run finds the contact, and updates it or creates one.
func (u *upsert) run(ctx context.Context) (*UpsertResult, error) {
	if err := u.prepare(); err != nil {
		return nil, err
	}
	upserts := &u.contacts.caller.core.upserts
	unlock, err := upserts.lock(ctx, u.keys)
	if err != nil {
		return nil, fmt.Errorf("waiting for another upsert of the same contact: %w", err)
	}
	defer unlock()

	found, known, err := u.match(ctx, upserts)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return u.create(ctx, upserts)
	}
	upserts.remember(upserted{id: found.ID, user: u.user, made: known.made}, known.keys)
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
	updated, err := u.contacts.update(ctx, found.ID, u.in, before, u.opts)
	if err != nil {
		return nil, err
	}
	return &UpsertResult{updated, Updated}, nil
}

// create creates the contact. It remembers the create before it is sent, so that not even
// a panic leads to a second create.
func (u *upsert) create(ctx context.Context, upserts *upserts) (*UpsertResult, error) {
	before := make([]upserted, len(u.keys)) // from other users' upserts
	for i, key := range u.keys {
		before[i] = upserts.recall(key.shared)
	}
	created, err := u.contacts.Create(ctx, u.in, append(slices.Clone(u.opts), BeforeCreate(func(token CreateToken) error {
		if u.o.beforeCreate != nil {
			if err := u.o.beforeCreate(token); err != nil {
				return err
			}
		}
		upserts.remember(upserted{token: &token, user: u.user, made: true, at: time.Now()}, u.keys)
		return nil
	}))...)
	if err == nil {
		upserts.remember(upserted{id: created.ID, user: u.user, made: true}, u.keys)
		return &UpsertResult{created, Created}, nil
	}
	if unknown, ok := errors.AsType[*OutcomeUnknownError](err); ok {
		upserts.remember(upserted{token: &unknown.Token, user: u.user, made: true, at: time.Now()}, u.keys)
	} else {
		for i, key := range u.keys {
			upserts.restore(key, before[i])
		}
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
		u.addKey("email", u.email, u.email)
	}
	if u.name != "" && u.company != "" {
		u.addKey("name", u.name+" "+u.company, u.name+"\x00"+u.company)
	}
	return nil
}

func (u *upsert) addKey(by, keywords, text string) {
	shared := by + "\x00" + text
	u.keys = append(u.keys, upsertKey{by, keywords, string(u.user) + "\x00" + shared, shared})
}

// matched is how a contact was found: the keys under which it is to be remembered, and
// whether an upsert of this client created it.
type matched struct {
	keys []upsertKey
	made bool
}

// match returns the contact to update, or nil if there is none.
func (u *upsert) match(ctx context.Context, upserts *upserts) (*Contact, matched, error) {
	var tried []upserted
	for i, key := range u.keys {
		for _, stored := range []string{key.own, key.shared} {
			known := upserts.recall(stored)
			if known == (upserted{}) || slices.Contains(tried, known) {
				continue
			}
			tried = append(tried, known)
			c, err := u.recalled(ctx, known, key, i == 0)
			switch {
			case err == nil && c != nil:
				return c, matched{u.keys[:i+1], known.made}, nil
			case err != nil && !isGone(err) && (known.user == u.user || !errors.Is(err, ErrForbidden)):
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
func (u *upsert) recalled(ctx context.Context, known upserted, key upsertKey, first bool) (*Contact, error) {
	id := known.id
	if known.token != nil {
		outcome, ok := u.contacts.caller.core.readBack.Outcome(known.token.t)
		if id = ID(outcome); !ok {
			c, err := u.contacts.Resolve(ctx, *known.token, u.opts...)
			if errors.Is(err, ErrOutcomeUnknown) && !u.contacts.caller.core.readBack.Dated() {
				return u.unresolved(ctx, known, key, err)
			}
			if err != nil || known.user == u.user && (first || u.matchedBy(c) != "") {
				return c, err
			}
			id = c.ID
		}
	}
	c, err := u.get(ctx, id)
	switch merged := err == nil && !sameID(c.ID, id); {
	case err != nil, u.matchedBy(c) != "", first && known.made && !merged:
		return c, err
	case first && known.made && match.Addresses(u.address, c.Email) == match.Near:
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
