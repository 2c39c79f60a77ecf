package bulk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/match"
)

// Outcomes of the rows of an [Undo]. Rows for which the import did nothing are [Unchanged].
const (
	Deleted  Outcome = "deleted"  // the contact that the import had created
	Restored Outcome = "restored" // the contact has the values that it had before
	Kept     Outcome = "kept"     // something was changed since the import, and is left as it is
)

// UndoOptions are the options of an [Undo].
type UndoOptions struct {
	// Name is that of the import.
	Name string

	// Apply undoes the import. Without it, the results are what would be done.
	Apply bool

	// Concurrency is how many contacts are changed at the same time. 0 means 16.
	Concurrency int
	// MaxRows bounds the rows, all of which are kept in memory. 0 means 1,000,000.
	MaxRows int

	// AllowChanges lets the input differ from that of the last run of the import. What the
	// import did for rows that are not in the input is not undone.
	AllowChanges bool
}

// Undo undoes an [Import], of which it needs the rows, the name and the ledger. It deletes the
// contacts that the import has created, and puts back the values that it has changed. It does
// neither unless UndoOptions.Apply is set.
//
// What was changed since is left as it is, and reported as [Kept]: each changed value of a
// contact that the import has updated, and a contact that the import has created if any of
// its values was changed. Each contact is read right before. A change by others in between is
// lost.
//
// If an undo is interrupted at any moment, also by a crash, run it again. When it is complete,
// the ledger has nothing of the rows that were undone: the same import can be run again. Of a
// contact that it has created and that was kept, the ledger still knows.
func Undo(ctx context.Context, c *growthgenius.Client, rows iter.Seq2[Row, error], o UndoOptions) *Run {
	r := Import(ctx, c, rows, ImportOptions{
		Name: o.Name, Concurrency: o.Concurrency, MaxRows: o.MaxRows, AllowChanges: o.AllowChanges,
		DryRun: true, // begin stores nothing of this input
	})
	r.undo = &undo{importer: r.im, apply: o.Apply, places: map[growthgenius.ID]int{}}
	return r
}

// undo undoes an import.
type undo struct {
	*importer
	apply  bool
	places map[growthgenius.ID]int // of what was done with each contact that is known
}

// imported is what the import has done for a row, and what becomes of it.
type imported struct {
	rowNote // what the ledger has of it
	row     int
	token   bool // whether its contact was created is to be found out
	outcome Outcome
	why     string   // it is Kept
	back    []Change // values that are put back
	kept    []Change // values that were changed since
}

func (u *undo) run(ctx context.Context, yield func(*Result, error) bool) error {
	lease, contacts, err := u.prepare(ctx)
	if err != nil {
		return err
	}
	defer release(ctx, lease)
	return u.yielding(ctx, func(ctx context.Context) error {
		u.carryOut(ctx, contacts)
		return nil
	}, yield)
}

// prepare reads what the import has done, and returns it for each contact, in the order of the
// rows. The lease is that of the import.
func (u *undo) prepare(ctx context.Context) (growthgenius.Lease, [][]*imported, error) {
	lease, again, err := u.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	all := make([]*imported, len(u.table.rows))
	if again {
		u.meter.during("reading what the import has done")
		err = u.forgetUnchanged(ctx)
	}
	if again && err == nil {
		err = u.eachRow(ctx, func(ctx context.Context, i int) error {
			e, err := entryOf(ctx, u.book.ledger, u.key(i))
			if err == nil && (e.ID != "" || e.Token != nil) {
				all[i] = &imported{rowNote: *noteIn(e), row: i, token: e.ID == "" && e.Token != nil}
				all[i].id = e.ID
			}
			return err
		})
	}
	if err != nil {
		release(ctx, lease)
		return nil, nil, err
	}
	var contacts [][]*imported
	unchanged := 0
	for i, it := range all {
		if it == nil {
			if u.table.rows[i].state != settled {
				u.settle(i, &Result{Outcome: Unchanged})
			}
			continue
		}
		place, known := u.places[it.id]
		switch {
		case it.Did == Unchanged:
			unchanged++
			contacts = append(contacts, []*imported{it})
		case known && !it.token:
			contacts[place] = append(contacts[place], it)
		default:
			u.places[it.id] = len(contacts)
			contacts = append(contacts, []*imported{it})
		}
	}
	u.meter.cost(len(contacts) - unchanged)
	u.meter.during("")
	return lease, contacts, nil
}

// key returns the key of a row in the ledger.
func (u *undo) key(i int) string { return onceScope + u.book.row(&u.table.rows[i]) }

// carryOut undoes what the import has done with each contact.
func (u *undo) carryOut(ctx context.Context, contacts [][]*imported) {
	work := make(chan []*imported)
	var workers sync.WaitGroup
	for range u.Concurrency {
		workers.Go(func() {
			for rows := range work {
				u.undo(ctx, rows)
			}
		})
	}
	for _, rows := range contacts {
		work <- rows
	}
	close(work)
	workers.Wait()
}

// undo undoes what the import has done with a contact, and settles its rows. If it is not known
// whether the contact was created, it tries again.
func (u *undo) undo(ctx context.Context, rows []*imported) {
	err := context.Cause(ctx)
	for try := 0; try == 0 && err == nil || errors.Is(err, growthgenius.ErrOutcomeUnknown) && try <= lateTries; try++ {
		err = u.contact(ctx, rows)
	}
	if err == nil {
		u.succeeded()
	}
	for i, it := range rows {
		result := &Result{Outcome: it.outcome, ID: it.id, Changes: it.back, Kept: it.kept}
		switch {
		case err != nil:
			result = u.failure(ctx, &step{id: it.id}, err)
			if result.Outcome == Rejected {
				result.Outcome = Failed
			}
		case it.outcome == Kept:
			result.Err = errors.New(it.why)
			if len(it.kept) > 0 {
				result.Field = it.kept[0].Field
			}
		}
		result.requests = 0
		if i == 0 && it.Did != Unchanged {
			result.requests = 1 // of those with several, each has as many
		}
		u.settle(it.row, result)
	}
}

// contact undoes what the import has done with a contact, and sets the outcomes of its rows.
func (u *undo) contact(ctx context.Context, rows []*imported) error {
	first := rows[0]
	if first.token {
		if err := u.resolve(ctx, first); err != nil {
			return err
		}
	}
	if first.token || first.Did == Unchanged { // it was not created, or not changed
		return u.end(ctx, rows, Unchanged, "")
	}
	creator := slices.IndexFunc(rows, func(it *imported) bool { return it.Did == Created })
	contact, err := u.client.Contacts.Get(ctx, first.id)
	switch {
	case isGone(err) && creator >= 0: // be it by a run of the undo that did not learn that
		return u.end(ctx, rows, Deleted, "")
	case isGone(err):
		return u.end(ctx, rows, Kept, "the contact was deleted since the import")
	case err != nil:
		return err
	}
	values := valuesOf(contact)
	before := u.unwind(values, rows)
	if creator >= 0 {
		return u.uncreate(ctx, rows, rows[creator], before)
	}
	changed := match.Row{}
	for field, value := range before {
		if !match.Exactly(field, value, values[field]) {
			changed[field] = value
		}
	}
	if u.apply && len(changed) > 0 {
		var in growthgenius.ContactInput
		if err := json.Unmarshal(encode(changed), &in); err != nil {
			return err
		}
		if _, err := u.client.Contacts.Update(ctx, first.id, in); err != nil {
			return err
		}
	}
	return u.end(ctx, rows, "", "")
}

// isGone reports whether an error means that the contact was deleted. A 404 of a gateway does not.
func isGone(err error) bool {
	api, ok := errors.AsType[*growthgenius.APIError](err)
	return ok && api.RecordNotFound()
}

// uncreate deletes a contact that the import has created for a row, unless it was changed since.
// before are its values without the later updates of the import.
func (u *undo) uncreate(ctx context.Context, rows []*imported, creator *imported, before match.Row) error {
	if creator.Sum == sumOf(before) {
		if u.apply {
			if err := u.client.Contacts.Delete(ctx, creator.id); err != nil && !isGone(err) {
				return err
			}
		}
		return u.end(ctx, rows, Deleted, "")
	}
	for field, value := range u.table.rows[creator.row].values() {
		if !match.Exactly(field, value, before[field]) {
			creator.kept = append(creator.kept, Change{Field: field, Old: value, New: before[field]})
		}
	}
	sortChanges(creator.kept)
	for _, it := range rows { // the ledger keeps what it has of them, too
		it.back, it.outcome, it.why = nil, Kept, "the contact was changed since the import created it"
	}
	return nil
}

// unwind takes back the updates of a contact, and returns the values that it has then. It notes in
// each row what is put back, and what is not since it was changed.
func (u *undo) unwind(values match.Row, rows []*imported) match.Row {
	values = maps.Clone(values)
	open := make([]match.Row, len(rows))
	for i, it := range rows {
		open[i], it.back, it.kept = maps.Clone(it.Was), nil, nil
	}
	for again := true; again; { // rows may have been in another order when they were imported
		again = false
		for i, it := range slices.Backward(rows) {
			for field, was := range open[i] {
				if now := values[field]; u.isSet(it, field, now) {
					it.back = append(it.back, Change{Field: field, Old: now, New: was})
					values[field], again = was, true
					delete(open[i], field)
				}
			}
		}
	}
	for i, it := range rows {
		for field, was := range open[i] {
			if now := values[field]; !match.Exactly(field, was, now) { // else it is back already
				it.kept = append(it.kept, Change{Field: field, Old: u.set(it, field), New: now})
			}
		}
		sortChanges(it.back)
		sortChanges(it.kept)
	}
	return values
}

// set returns the value that the import has set for a row.
func (u *undo) set(it *imported, field string) json.RawMessage {
	if it.Did == updating { // the response is not known
		return u.table.rows[it.row].values()[field]
	}
	return it.Set[field]
}

// isSet reports whether a contact has the value that the import has set for a row.
func (u *undo) isSet(it *imported, field string, now json.RawMessage) bool {
	set := u.set(it, field)
	return match.Exactly(field, set, now) || it.Did == updating && match.Same(set, now)
}

// resolve finds out whether the contact of a row was created. If it was, the row has its id.
func (u *undo) resolve(ctx context.Context, it *imported) error {
	return u.book.with(ctx, u.key(it.row), func(lease growthgenius.Lease) error {
		token := *lease.Entry().Token
		for {
			contact, err := u.client.Contacts.Resolve(ctx, token)
			if errors.Is(err, growthgenius.ErrNotFound) {
				return u.store(ctx, lease, growthgenius.Entry{})
			}
			if err != nil {
				return err
			}
			if _, known := u.places[contact.ID]; known { // it is that of an equal row
				token = token.Except(contact.ID)
				continue
			}
			n := rowNote{Did: Created, id: contact.ID}
			if !contact.UpdatedAt.After(contact.CreatedAt.Add(time.Second)) {
				n.Sum = sumOf(valuesOf(contact)) // it is as it was created
			}
			err = u.store(ctx, lease, growthgenius.Entry{Scope: match.Contact, ID: contact.ID, Token: &token, Note: encode(n)})
			if errors.Is(err, growthgenius.ErrIDTaken) { // it is that of another import
				token = token.Except(contact.ID)
				continue
			}
			it.rowNote, it.token = n, false
			return err
		}
	})
}

// end sets the outcome of rows, and removes what the ledger has of them, the last one first. If the
// outcome is "", each has its own.
func (u *undo) end(ctx context.Context, rows []*imported, outcome Outcome, why string) error {
	for _, it := range slices.Backward(rows) {
		it.outcome, it.why = outcome, why
		switch {
		case outcome == "" && len(it.kept) > 0:
			it.outcome, it.why = Kept, "some values were changed since the import"
		case outcome == "":
			it.outcome = Restored
		}
		if err := u.forget(ctx, u.key(it.row)); err != nil {
			return err
		}
	}
	return nil
}

// forget removes what the ledger has under a key.
func (u *undo) forget(ctx context.Context, key string) error {
	return u.book.with(ctx, key, func(lease growthgenius.Lease) error {
		return u.store(ctx, lease, growthgenius.Entry{})
	})
}

// forgetUnchanged removes which rows have changed nothing: the import finds that out again.
func (u *undo) forgetUnchanged(ctx context.Context) error {
	before, err := u.book.readUnchanged(ctx)
	for n := before.chunks - 1; n >= 0 && err == nil; n-- {
		err = u.forget(ctx, u.book.chunkKey(unchangedChunks, n))
	}
	return err
}

// store stores an entry, unless this is a dry run.
func (u *undo) store(ctx context.Context, lease growthgenius.Lease, e growthgenius.Entry) error {
	if !u.apply {
		return nil
	}
	return store(ctx, lease, e)
}

func sortChanges(all []Change) {
	slices.SortFunc(all, func(a, b Change) int { return cmp.Compare(a.Field, b.Field) })
}
