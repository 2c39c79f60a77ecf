package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// MultipleMatchesError means that several contacts match an upsert, so that none was
// updated. It matches [ErrMultipleMatches]. With [MatchOldest], an upsert updates the
// contact that was created first instead.
type MultipleMatchesError struct {
	IDs []ID // of the contacts that match, oldest first
}

// Error returns the number of the contacts and their ids.
func (e *MultipleMatchesError) Error() string {
	ids := make([]string, len(e.IDs))
	for i, id := range e.IDs {
		ids[i] = shownID(string(id))
	}
	return fmt.Sprintf("%d contacts match: %s (oldest first; MatchOldest updates the first)",
		len(ids), strings.Join(ids, ", "))
}

// Is reports whether target is [ErrMultipleMatches].
func (e *MultipleMatchesError) Is(target error) bool { return target == ErrMultipleMatches }

// Upsert updates the contact that has the e-mail address of the input, or creates one if
// there is none. If the contact already has all values of the input, nothing is written.
//
// E-mail addresses are compared without regard to case and surrounding spaces. A text that
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
// of the read.
//
// [ErrOutcomeUnknown] means that a contact may have been created, by this call or by an
// earlier upsert with the same e-mail address. Call Upsert again with the same client,
// which resolves that create first, or call [ContactsService.Resolve] with the error's
// Token. Any other error means that this call created nothing. If an update failed, it
// may have been carried out all the same. [ErrChangedSince] means that another program may
// have changed the contact meanwhile: call Upsert again if the input is to overwrite that.
//
// A contact that was found has the id that it has in search results. Those ids are of
// another kind (documented) and other calls accept them (inferred), but Stream and
// Changes may show another id for the same contact. To join the two, compare another
// field, such as Email.
//
// Within one client and its ForUser copies, upserts with the same e-mail address, or that
// match by the same name and company, wait for each other, in no particular order. Each
// knows what the earlier ones created, even if the search does not show it yet. Upserts in
// two processes can still both find nothing and both create a contact: the API has no way
// to prevent that. Use one process, or partition the addresses.
func (s *ContactsService) Upsert(ctx context.Context, in ContactInput, opts ...RequestOption) (*UpsertResult, error) {
	u := &upsert{
		contacts: s, in: in, opts: opts, o: applyOptions(opts),
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
	contacts *ContactsService
	in       ContactInput
	opts     []RequestOption
	o        callOptions
	endpoint endpoint

	content match.Row // of in
	email   string    // folded; "" for none
	name    string    // folded; "" if names are not compared
	company string    // the same
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

	found, keys, err := u.match(ctx, upserts)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return u.create(ctx, upserts)
	}
	upserts.remember(upserted{id: found.ID, user: u.user}, keys)
	before, err := rowOf(found)
	if err != nil {
		return nil, err
	}
	if _, unchanged := differing(u.content, before); unchanged {
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
		upserts.remember(upserted{token: &token, user: u.user}, u.keys)
		return nil
	}))...)
	if err == nil {
		upserts.remember(upserted{id: created.ID, user: u.user}, u.keys)
		return &UpsertResult{created, Created}, nil
	}
	if unknown, ok := errors.AsType[*OutcomeUnknownError](err); ok {
		upserts.remember(upserted{token: &unknown.Token, user: u.user}, u.keys)
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
	u.email = match.Fold(u.content.Text("email"))
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
		if err := checkAddress(strings.TrimSpace(u.content.Text("email"))); err != nil {
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

// match returns the contact to update, or nil if there is none, and the keys under which it
// is to be remembered.
func (u *upsert) match(ctx context.Context, upserts *upserts) (*Contact, []upsertKey, error) {
	var tried []upserted
	for i, key := range u.keys {
		for _, stored := range []string{key.own, key.shared} {
			known := upserts.recall(stored)
			if known == (upserted{}) || slices.Contains(tried, known) {
				continue
			}
			tried = append(tried, known)
			c, err := u.recalled(ctx, known)
			switch {
			case err == nil && (known.token != nil && i == 0 || u.matchedBy(c) != ""):
				return c, u.keys[:i+1], nil
			case err != nil && !errors.Is(err, ErrNotFound) && (known.user == u.user || !errors.Is(err, ErrForbidden)):
				return nil, nil, err
			}
		}
		if c, err := u.search(ctx, key.keywords, key.by); c != nil || err != nil {
			return c, u.keys[:i+1], err
		}
	}
	return nil, nil, nil
}

// recalled returns the contact of an earlier upsert of the key, as the acting user sees
// it.
func (u *upsert) recalled(ctx context.Context, known upserted) (*Contact, error) {
	id := known.id
	if known.token != nil {
		outcome, ok := u.contacts.caller.core.readBack.Outcome(known.token.t)
		if id = ID(outcome); !ok {
			c, err := u.contacts.Resolve(ctx, *known.token, u.opts...)
			if err != nil || known.user == u.user {
				return c, err
			}
			id = c.ID
		}
	}
	return u.contacts.Get(ctx, id, u.opts...)
}

// matchedBy reports how c matches: by "email", by "name", or "" if it does not.
func (u *upsert) matchedBy(c *Contact) string {
	name := match.Fold(cmp.Or(c.FullName, c.FirstName+" "+c.LastName))
	switch {
	case u.email != "" && match.Fold(c.Email) == u.email:
		return "email"
	case u.name != "" && u.company != "" && name == u.name && match.Fold(c.CompanyName) == u.company:
		return "name"
	default:
		return ""
	}
}

// search returns the contact that matches by "email" or by "name", or nil if there is
// none.
func (u *upsert) search(ctx context.Context, keywords, by string) (*Contact, error) {
	var matches []*Contact
	for hit, err := range u.contacts.SearchAll(ctx, SearchOptions{Keywords: keywords, Prefetch: -1}, u.opts...) {
		if err != nil {
			return nil, err
		}
		// A search result with another e-mail address need not be read.
		if by == "email" && hit.Email != "" && match.Fold(hit.Email) != u.email {
			continue
		}
		whole, err := u.contacts.Get(ctx, hit.ID, u.opts...)
		if errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("search shows a contact under an id that Get does not know, so it cannot be compared: %w", err)
		}
		if err != nil {
			return nil, err
		}
		if u.matchedBy(whole) == by {
			matches = append(matches, whole)
		}
	}
	slices.SortStableFunc(matches, func(a, b *Contact) int { return a.CreatedAt.Compare(b.CreatedAt) })
	switch {
	case len(matches) == 0:
		return nil, nil //nolint:nilnil // no match is not an error
	case len(matches) > 1 && !u.o.matchOldest:
		multiple := &MultipleMatchesError{}
		for _, c := range matches {
			multiple.IDs = append(multiple.IDs, c.ID)
		}
		return nil, multiple
	}
	return matches[0], nil
}

// rowOf returns a contact as the fields that the API sent.
func rowOf(c *Contact) (match.Row, error) {
	raw, err := wire.Marshal(c)
	var row match.Row
	if err == nil {
		err = wire.Unmarshal(raw, &row)
	}
	return row, err
}
