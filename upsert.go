package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/growthgenius/growthgenius-go/internal/errs"
	"github.com/growthgenius/growthgenius-go/internal/match"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// Action is what an upsert did.
type Action string

// The actions.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged" // the contact had every value already: nothing was written
)

// UpsertResult is what an upsert found or made.
type UpsertResult struct {
	Contact *Contact
	Action  Action
}

// MultipleMatchesError is an upsert for which several contacts match, so that it cannot
// tell which to update. It matches [ErrMultipleMatches]. [MatchOldest] picks one.
type MultipleMatchesError struct {
	IDs []ID // of the contacts that match, oldest first
}

// Error lists the ids.
func (e *MultipleMatchesError) Error() string {
	ids := make([]string, len(e.IDs))
	for i, id := range e.IDs {
		ids[i] = string(id)
	}
	return fmt.Sprintf("%d contacts match: %s (MatchOldest picks the oldest)", len(ids), strings.Join(ids, ", "))
}

// Is reports whether target is [ErrMultipleMatches].
func (e *MultipleMatchesError) Is(target error) bool { return target == ErrMultipleMatches }

// Upsert updates the contact with the e-mail of in, or creates one where there is none.
//
// E-mails are compared without regard to case and blanks around them. Search finds the
// candidates, and since it may be fuzzy, abridged and late each is read and compared in
// full. Where every field of in has its value already nothing is written.
//
// The contact that is returned has the id by which it was found: search gives ids of its
// own (documented) that the other calls take (inferred), so it may not be the one that Stream
// shows.
//
// Several matches are a [*MultipleMatchesError]; see [MatchOldest] and
// [MatchNameAndCompany]. A search that stopped short is [ErrPartialResults], and a match
// that cannot be read is an error: in doubt nothing is created.
//
// Upserts of one key wait for each other within one client, ForUser copies included, and
// remember what they created before search shows it, whoever the acting users are. Two
// processes can still both find nothing and create twice: the API has no way to prevent it.
// Let one process do it, or partition the keys.
func (s *ContactsService) Upsert(ctx context.Context, in ContactInput, opts ...RequestOption) (*UpsertResult, error) {
	u := &upsert{
		contacts: s, in: in, opts: opts, o: applyOptions(opts),
		endpoint: endpoint{method: "UPSERT", route: "/contacts"},
	}
	result, err := u.run(ctx)
	if err != nil {
		var known *callError
		if errors.As(err, &known) || isAnswer(err) {
			return nil, err
		}
		return nil, u.endpoint.refuse(err)
	}
	return result, nil
}

// isAnswer reports whether err says itself which call it is from.
func isAnswer(err error) bool {
	_, api := errors.AsType[*APIError](err)
	_, decode := errors.AsType[*DecodeError](err)
	_, unknown := errors.AsType[*OutcomeUnknownError](err)
	return api || decode || unknown
}

// upsert is one upsert on its way.
type upsert struct {
	contacts *ContactsService
	in       ContactInput
	opts     []RequestOption
	o        callOptions
	endpoint endpoint

	content match.Row // of in
	email   string    // folded; "" where there is none
	name    string    // folded; with the company
	company string
	// What its outcome is remembered under: by the acting user's own upserts, which may not
	// see what another's made, and by everybody's.
	own, shared string
	user        ID
}

func (u *upsert) run(ctx context.Context) (*UpsertResult, error) {
	if err := u.prepare(); err != nil {
		return nil, err
	}
	upserts := &u.contacts.caller.core.upserts
	unlock, err := upserts.lock(ctx, u.shared)
	if err != nil {
		return nil, errs.WithContext(err, ctx.Err())
	}
	defer unlock()

	match, err := u.match(ctx, upserts)
	if err != nil {
		return nil, err
	}
	if match == nil {
		return u.create(ctx, upserts)
	}
	upserts.remember(upserted{id: match.ID, user: u.user}, u.own, u.shared)
	if u.unchanged(match) {
		return &UpsertResult{match, Unchanged}, nil
	}
	updated, err := u.contacts.Update(ctx, match.ID, u.in, u.opts...)
	if err != nil {
		return nil, err
	}
	return &UpsertResult{updated, Updated}, nil
}

// create remembers the create before it is sent, so that not even a panic makes a second.
func (u *upsert) create(ctx context.Context, upserts *upserts) (*UpsertResult, error) {
	before := upserts.recall(u.shared)
	created, err := u.contacts.Create(ctx, u.in, append(slices.Clone(u.opts), BeforeCreate(func(token CreateToken) error {
		if u.o.beforeCreate != nil {
			if err := u.o.beforeCreate(token); err != nil {
				return err
			}
		}
		upserts.remember(upserted{token: &token, user: u.user}, u.own, u.shared)
		return nil
	}))...)
	if err == nil {
		upserts.remember(upserted{id: created.ID, user: u.user}, u.own, u.shared)
		return &UpsertResult{created, Created}, nil
	}
	if unknown, ok := errors.AsType[*OutcomeUnknownError](err); ok {
		upserts.remember(upserted{token: &unknown.Token, user: u.user}, u.own, u.shared)
	} else {
		upserts.remember(upserted{}, u.own)
		upserts.remember(before, u.shared) // what another user's upsert left
	}
	return nil, err
}

// prepare checks the input and says what to match by.
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
	u.shared = u.email
	if u.email == "" {
		u.shared = u.name + "\x00" + u.company
	}
	u.user, u.own = user, string(user)+"\x00"+u.shared
	return nil
}

// match finds the contact to update, or nil.
func (u *upsert) match(ctx context.Context, upserts *upserts) (*Contact, error) {
	var tried upserted // nothing, at first
	for _, key := range []string{u.own, u.shared} {
		known := upserts.recall(key)
		if known == tried || known == (upserted{}) {
			continue
		}
		tried = known
		c, err := u.recalled(ctx, known)
		switch {
		case err == nil && (known.token != nil || u.same(c) != ""):
			return c, nil
		case err != nil && !errors.Is(err, ErrNotFound) && (known.user == u.user || !errors.Is(err, ErrForbidden)):
			return nil, err
		}
	}
	if u.email != "" {
		c, err := u.search(ctx, u.email, "email")
		if c != nil || err != nil || u.name == "" || u.company == "" {
			return c, err
		}
	}
	return u.search(ctx, u.name+" "+u.company, "name")
}

// recalled is the contact of an earlier upsert of the key, as the acting user sees it.
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

// same says by what c is the contact meant: "email", "name", or "" for neither.
func (u *upsert) same(c *Contact) string {
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

// search returns the contact that is the same by e-mail or by name.
func (u *upsert) search(ctx context.Context, keywords, by string) (*Contact, error) {
	var matches []*Contact
	for hit, err := range u.contacts.SearchAll(ctx, SearchOptions{Keywords: keywords, Prefetch: -1}, u.opts...) {
		if err != nil {
			return nil, err
		}
		// An abridged hit that shows another e-mail need not be read.
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
		if u.same(whole) == by {
			matches = append(matches, whole)
		}
	}
	slices.SortStableFunc(matches, func(a, b *Contact) int { return a.CreatedAt.Compare(b.CreatedAt) })
	switch {
	case len(matches) == 0:
		return nil, nil //nolint:nilnil // nobody, which is no error
	case len(matches) > 1 && !u.o.matchOldest:
		multiple := &MultipleMatchesError{}
		for _, c := range matches {
			multiple.IDs = append(multiple.IDs, c.ID)
		}
		return nil, multiple
	}
	return matches[0], nil
}

// unchanged reports whether c has every value of the input already.
func (u *upsert) unchanged(c *Contact) bool {
	raw, err := wire.Marshal(c)
	var row match.Row
	if err != nil || wire.Unmarshal(raw, &row) != nil {
		return false
	}
	for field, value := range u.content {
		same := match.Same(value, row[field])
		if same && field != "email" { // not folded: a change of case is a change
			x, y := wire.ScalarText(value), wire.ScalarText(row[field])
			_, isTime := match.ParseTime(x)
			same = x == y || isTime
		}
		if !same {
			return false
		}
	}
	return true
}
