package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/growthgenius/growthgenius-go/internal/errs"
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

	content rawRow // of in
	email   string // folded; "" where there is none
	name    string // folded; with the company
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
	upserts.remember(u, upserted{id: match.ID})
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
	created, err := u.contacts.Create(ctx, u.in, append(slices.Clone(u.opts), BeforeCreate(func(a CreateToken) error {
		if u.o.beforeCreate != nil {
			if err := u.o.beforeCreate(a); err != nil {
				return err
			}
		}
		upserts.remember(u, upserted{attempt: &a})
		return nil
	}))...)
	if err == nil {
		upserts.remember(u, upserted{id: created.ID})
		return &UpsertResult{created, Created}, nil
	}
	if unknown, ok := errors.AsType[*OutcomeUnknownError](err); ok {
		upserts.remember(u, upserted{attempt: &unknown.Token})
	} else {
		upserts.forget(u, before)
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
	if err := unmarshalJSON(raw, &u.content); err != nil {
		return err
	}
	u.email = fold(u.content.text("email"))
	if u.o.matchCompany {
		u.name, u.company = nameOf(u.content), fold(u.content.text("company_name"))
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

// nameOf is the folded full name of a contact.
func nameOf(row rawRow) string {
	return fold(cmp.Or(row.text("full_name"), row.text("first_name")+" "+row.text("last_name")))
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
		case err == nil && (known.attempt != nil || u.same(c) != ""):
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
	if known.attempt != nil {
		var ok bool
		if id, ok = u.contacts.caller.core.creates.outcome(known.attempt.t); !ok {
			c, err := u.contacts.Resolve(ctx, *known.attempt, u.opts...)
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
	row := rowOf(c, "email", "full_name", "first_name", "last_name", "company_name")
	switch {
	case u.email != "" && fold(row.text("email")) == u.email:
		return "email"
	case u.name != "" && u.company != "" && nameOf(row) == u.name && fold(row.text("company_name")) == u.company:
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
		if by == "email" && hit.Email != "" && fold(hit.Email) != u.email {
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
	raw, err := marshalJSON(c)
	var row rawRow
	if err != nil || unmarshalJSON(raw, &row) != nil {
		return false
	}
	for field, value := range u.content {
		same := sameValue(value, row[field])
		if same && field != "email" { // not folded: a change of case is a change
			x, y := scalarText(value), scalarText(row[field])
			_, isTime := parseTime(x)
			same = x == y || isTime
		}
		if !same {
			return false
		}
	}
	return true
}

// upserts makes those of one key wait for each other, and remembers their outcome.
type upserts struct {
	mu    sync.Mutex
	locks map[string]*upsertLock
	known [2]map[string]upserted
}

type upsertLock struct {
	held  chan struct{}
	users int
}

// upserted is the contact of a key, or the attempt whose outcome is unknown.
type upserted struct {
	id      ID
	attempt *CreateToken
	user    ID // who acted
}

const maxUpserted = 1 << 16

// lock waits until no other upsert of the key is under way.
func (u *upserts) lock(ctx context.Context, key string) (unlock func(), err error) {
	u.mu.Lock()
	l := u.locks[key]
	if l == nil {
		if u.locks == nil {
			u.locks = map[string]*upsertLock{}
		}
		l = &upsertLock{held: make(chan struct{}, 1)}
		u.locks[key] = l
	}
	l.users++
	u.mu.Unlock()
	leave := func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		l.users--
		if l.users == 0 {
			delete(u.locks, key)
		}
	}
	select {
	case l.held <- struct{}{}:
		return func() { <-l.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

func (u *upserts) recall(key string) upserted {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.of(key)
}

func (u *upserts) of(key string) upserted {
	if v, ok := u.known[0][key]; ok {
		return v
	}
	return u.known[1][key]
}

func (u *upserts) remember(of *upsert, v upserted) {
	u.mu.Lock()
	defer u.mu.Unlock()
	v.user = of.user
	u.put(of.own, v)
	u.put(of.shared, v)
}

// forget forgets an upsert that made nothing: others' is what it was before.
func (u *upserts) forget(of *upsert, before upserted) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.put(of.own, upserted{})
	u.put(of.shared, before)
}

func (u *upserts) put(key string, v upserted) {
	if u.known[0] == nil || len(u.known[0]) >= maxUpserted {
		u.known = [2]map[string]upserted{{}, u.known[0]}
	}
	u.known[0][key] = v
}
