package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/growthgenius/growthgenius-go"
)

// send sends what a step needs. The contact is nil if nothing was to be sent.
func (im *importer) send(ctx context.Context, r *row, s *step, in *slot) (*growthgenius.Contact, error) {
	switch s.outcome {
	case Created:
		im.sent.Add(1)
		return im.create(ctx, r, s, in)
	case Updated:
		im.sent.Add(1)
		return im.update(ctx, r, s, in)
	case Unchanged:
		return nil, im.confirm(ctx, r, s)
	}
	return nil, nil //nolint:nilnil // nothing was sent
}

// confirm stores that a row has changed nothing. If another row has its address, that is stored
// before what that one changes.
func (im *importer) confirm(ctx context.Context, r *row, s *step) error {
	n := rowNote{Did: Unchanged}
	switch {
	case r.begun != nil && r.begun.id == s.id: // an earlier run has updated it, and did not learn that
		s.outcome, s.was, s.set = Updated, r.begun.Was, pick(r.values(), r.begun.Was)
		n = rowNote{Did: Updated, Was: s.was, Set: s.set}
	case im.table.alone(r):
		return im.noteUnchanged(ctx, r)
	}
	return im.book.with(ctx, onceScope+im.book.row(r), func(lease growthgenius.Lease) error {
		return store(ctx, lease, growthgenius.Entry{ID: s.id, Note: encode(n)})
	})
}

// create creates the contact of a row, or finds the one that an earlier run has created.
func (im *importer) create(ctx context.Context, r *row, s *step, in *slot) (*growthgenius.Contact, error) {
	if r.open && r.found.id != "" {
		if err := im.resolve(ctx, r); err != nil {
			return nil, err
		}
		if !r.open { // it was not created, and another one has the address
			*s = im.compare(r, r.found.id, decode(r.found.was))
			return im.send(ctx, r, s, in)
		}
	}
	var input growthgenius.ContactInput
	if err := json.Unmarshal(r.content, &input); err != nil {
		return nil, err
	}
	contact, err := im.client.Contacts.Create(ctx, input, growthgenius.Once(im.book.row(r)),
		growthgenius.BeforeCreate(func(growthgenius.CreateToken) error { return in.take(ctx) }),
		growthgenius.OnceNote(func(c *growthgenius.Contact) json.RawMessage {
			in.free()
			return encode(rowNote{Did: Created, Sum: sumOf(valuesOf(c))})
		}))
	if err == nil {
		im.own(contact.ID, r.first)
	}
	return contact, err
}

// resolve finds out whether an earlier run has created the contact of a row. If not, the row
// is not open any more. Neither is it if that cannot be found out: the contact that has its
// address now is the one to update, also if another program has created it.
func (im *importer) resolve(ctx context.Context, r *row) error {
	return im.book.with(ctx, onceScope+im.book.row(r), func(lease growthgenius.Lease) error {
		token := lease.Entry().Token
		if token == nil || lease.Entry().ID != "" {
			return nil
		}
		_, err := im.client.Contacts.Resolve(ctx, *token)
		if !errors.Is(err, growthgenius.ErrNotFound) && (!errors.Is(err, growthgenius.ErrOutcomeUnknown) || ctx.Err() != nil) {
			return nil //nolint:nilerr // the create under the key finds out
		}
		r.open = false
		return store(ctx, lease, growthgenius.Entry{})
	})
}

// update updates the contact of a row. The ledger has what it had before, so that the update
// can be undone, also if this process ends meanwhile.
func (im *importer) update(ctx context.Context, r *row, s *step, in *slot) (contact *growthgenius.Contact, err error) {
	var input growthgenius.ContactInput
	if err := json.Unmarshal(encode(s.set), &input); err != nil {
		return nil, err
	}
	n := &rowNote{Did: updating, Was: maps.Clone(s.was)}
	if r.begun != nil && r.begun.id == s.id { // it may have been carried out in part of the fields
		for field, old := range r.begun.Was {
			if _, again := n.Was[field]; !again {
				n.Was[field] = old
			}
		}
	}
	err = im.book.with(ctx, onceScope+im.book.row(r), func(lease growthgenius.Lease) error {
		before := lease.Entry()
		if err := store(ctx, lease, growthgenius.Entry{ID: s.id, Note: encode(n)}); err != nil {
			return err
		}
		if err := in.take(ctx); err != nil {
			_ = store(ctx, lease, before)
			return err
		}
		if contact, err = im.client.Contacts.Update(ctx, s.id, input); err != nil {
			if isRefused(err) {
				_ = store(ctx, lease, before) // a later run finds that out again
			}
			return err
		}
		in.free()
		n.Did, n.Set = Updated, pick(valuesOf(contact), n.Was)
		return store(ctx, lease, growthgenius.Entry{ID: s.id, Note: encode(n)})
	})
	return contact, err
}

// isRefused reports whether the API has refused a request, so that it was not carried out.
func isRefused(err error) bool {
	return isRejected(err) || errors.Is(err, growthgenius.ErrUnauthorized) || errors.Is(err, growthgenius.ErrForbidden) || errors.Is(err, growthgenius.ErrNotFound)
}
