package growthgenius

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/match"
)

// MultipleMatchesError means that an upsert did not find exactly one contact that matches, so
// that none was updated or created. It matches [ErrMultipleMatches].
type MultipleMatchesError struct {
	// IDs are those of the contacts that match, oldest first. With [MatchOldest], an upsert
	// updates the first.
	IDs []ID
	// Near means that the contacts have another e-mail address, which the API may have made
	// of that of the input: by dropping a +tag, for example, or characters that it cannot
	// store. Whether they are meant is for the caller to decide.
	Near bool
}

// Error returns the number of the contacts and their ids.
func (e *MultipleMatchesError) Error() string {
	ids := make([]string, len(e.IDs))
	for i, id := range e.IDs {
		ids[i] = shownID(string(id))
	}
	all := strings.Join(ids, ", ")
	if e.Near {
		return fmt.Sprintf("the API may have rewritten the e-mail address of the contact (ids that it may have: %s): "+
			"if it is the one, pass its id to Update, or upsert the address as it is stored; if not, use Create", all)
	}
	return fmt.Sprintf("%d contacts match: %s (oldest first; MatchOldest updates the first)", len(ids), all)
}

// Is reports whether target is [ErrMultipleMatches].
func (e *MultipleMatchesError) Is(target error) bool { return target == ErrMultipleMatches }

// finder finds the contact of an upsert.
type finder struct {
	contacts *ContactsService
	opts     []RequestOption
	address  string // the e-mail address as given; "" for none
	email    string // the same, folded
	name     string // folded; "" if names are not compared
	company  string // the same
	oldest   bool   // choose the oldest of several
}

// matchedBy reports how c matches: by "email", by "name", or "" if it does not.
func (u *finder) matchedBy(c *Contact) string {
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

// finds are the contacts that searches and lists show for a key of an upsert.
type finds struct {
	matches []*Contact
	near    []*Contact // their address may be what the API has made of that of the input
	lost    error      // why a contact that a search showed could not be read
}

// add adds a contact if it matches the key, and is not there yet.
func (f *finds) add(u *finder, key *upsertKey, c *Contact) {
	to := &f.matches
	switch {
	case key.by == "name" && u.matchedBy(c) == "name", key.by == "email" && u.matchedBy(c) == "email":
	case key.by == "email" && match.Addresses(u.address, c.Email) == match.Near:
		to = &f.near
	default:
		return
	}
	if !slices.ContainsFunc(*to, func(other *Contact) bool { return sameID(other.ID, c.ID) }) {
		*to = append(*to, c)
	}
}

// find returns the contact that a search shows for a key, or nil if there is none.
func (u *finder) find(ctx context.Context, key *upsertKey) (*Contact, error) {
	var f finds
	if err := u.search(ctx, key, key.keywords, &f); err != nil {
		return nil, err
	}
	if key.by == "email" {
		for _, variant := range match.Spellings(u.address) {
			if len(f.matches) > 0 {
				break
			}
			if err := u.search(ctx, key, variant, &f); err != nil {
				return nil, err
			}
		}
	}
	if f.lost != nil {
		if err := u.list(ctx, key, &f); err != nil {
			return nil, err
		}
		if len(f.matches)+len(f.near) == 0 {
			return nil, f.lost
		}
	}
	return u.chosen(ctx, &f)
}

// search adds what a search shows. Search results are abridged, so each candidate is read.
func (u *finder) search(ctx context.Context, key *upsertKey, keywords string, f *finds) error {
	for hit, err := range u.contacts.SearchAll(ctx, SearchOptions{Keywords: keywords, Prefetch: -1}, u.opts...) {
		if err != nil {
			return err
		}
		if key.by == "email" && hit.Email != "" && match.Addresses(u.address, hit.Email) == match.Unlike {
			continue
		}
		whole, err := u.get(ctx, hit.ID)
		switch {
		case isGone(err):
			f.lost = fmt.Errorf("search shows a contact under an id that Get does not know, and the list does not have it: %w", err)
		case err != nil:
			return err
		default:
			f.add(u, key, whole)
		}
	}
	return nil
}

// list adds what the list of all contacts shows.
func (u *finder) list(ctx context.Context, key *upsertKey, f *finds) error {
	for c, err := range u.contacts.Stream(ctx, ListOptions{}, u.opts...) {
		if err != nil {
			return err
		}
		f.add(u, key, c)
	}
	return nil
}

// get reads a contact. It may have another id than the one that was asked for, if it was
// merged into another one.
func (u *finder) get(ctx context.Context, id ID) (*Contact, error) {
	return callOne[Contact](ctx, u.contacts.caller, endpoint{
		method: http.MethodGet, route: "/contacts/{id}", id: id, envelope: contactEnvelope, moved: true,
	}, u.opts)
}

// chosen returns the contact to update among those that were found, or nil if there is none.
func (u *finder) chosen(ctx context.Context, f *finds) (*Contact, error) {
	found, near := f.matches, len(f.matches) == 0
	if near {
		found = f.near
	}
	slices.SortStableFunc(found, func(a, b *Contact) int { return a.CreatedAt.Compare(b.CreatedAt) })
	var ids []ID
	for _, c := range found {
		id, err := u.listedID(ctx, c)
		if err != nil {
			return nil, err
		}
		c.ID = id
		if !slices.Contains(ids, id) { // a search and a list may show it under two ids
			ids = append(ids, id)
		}
	}
	switch {
	case len(found) == 0:
		return nil, nil //nolint:nilnil // no match is not an error
	case near, len(ids) > 1 && !u.oldest:
		return nil, &MultipleMatchesError{IDs: ids, Near: near}
	}
	return found[0], nil
}

// listedID returns the id that lists have for a contact that was read by the id of a search
// result.
func (u *finder) listedID(ctx context.Context, c *Contact) (ID, error) {
	if _, err := c.ID.Int64(); err == nil || c.UpdatedAt.IsZero() {
		return c.ID, nil
	}
	var ids []ID
	around := ListOptions{From: c.UpdatedAt.Add(-time.Second), To: c.UpdatedAt.Add(time.Second)}
	for row, err := range u.contacts.Stream(ctx, around, u.opts...) {
		switch {
		case errors.Is(err, ErrPartialResults):
		case err != nil:
			return "", err
		case sameID(row.ID, c.ID):
			return row.ID, nil
		case row.Email == c.Email && row.CreatedAt.Equal(c.CreatedAt) && row.UpdatedAt.Equal(c.UpdatedAt) && row.FullName == c.FullName:
			ids = append(ids, row.ID)
		}
	}
	if len(ids) != 1 {
		return c.ID, nil
	}
	return ids[0], nil
}

// forgetAfter is when a create that cannot be resolved is taken for one that did not happen,
// if neither a search nor the list of all contacts shows its contact.
const forgetAfter = time.Minute

// unresolved returns the contact that is there in place of one whose create cannot be
// resolved, or nil if there is none: without Date headers no create can be. The error is the
// given one as long as the create may still be carried out.
func (u *finder) unresolved(ctx context.Context, known upserted, key *upsertKey, unknown error) (*Contact, error) {
	c, err := u.find(ctx, key)
	if c != nil || err != nil {
		return c, err
	}
	if u.contacts.caller.core.readBack.Dated() {
		return nil, unknown
	}
	var f finds
	if u.list(ctx, key, &f) != nil {
		return nil, unknown
	}
	c, err = u.chosen(ctx, &f)
	if c == nil && err == nil && time.Since(known.Since) < forgetAfter {
		return nil, unknown
	}
	return c, err
}

// isGone reports whether the error is that of a record that does not exist, by the word of
// the API and not of a gateway.
func isGone(err error) bool {
	api, ok := errors.AsType[*APIError](err)
	return errors.Is(err, ErrNotFound) && (!ok || !api.foreign)
}
