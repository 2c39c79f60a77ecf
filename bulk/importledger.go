package bulk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/match"
)

// onceScope is what precedes the keys of [growthgenius.Once] in the ledger.
const onceScope = "contact/"

// releaseTimeout bounds what is left to do in the ledger when the import has ended.
const releaseTimeout = 5 * time.Second

// book is what an import has in the ledger.
type book struct {
	ledger growthgenius.Ledger
	prefix string // of its keys
}

func newBook(l growthgenius.Ledger, name string) book {
	return book{l, "import/" + strconv.Quote(name) + "/"}
}

// header identifies the input of an import.
type header struct {
	Rows int    `json:"rows"`
	Sum  string `json:"sum"`
}

// rowNote is what the ledger has of a row, beside the id of its contact.
type rowNote struct {
	// Did is Created, Updated, Unchanged, or "updating" if the outcome is not known yet.
	Did Outcome `json:"did"`
	// Was has the values before an update, and Set those that it has set, as the API has
	// returned them.
	Was match.Row `json:"was,omitzero"`
	Set match.Row `json:"set,omitzero"`
	// Sum is a digest of a contact that was created: see sumOf.
	Sum string `json:"sum,omitzero"`

	id growthgenius.ID // that of the entry
}

const updating Outcome = "updating"

func noteIn(e growthgenius.Entry) *rowNote {
	n := &rowNote{}
	if json.Unmarshal(e.Note, n) != nil {
		return &rowNote{}
	}
	return n
}

// sumOf returns a digest of the values of a contact that an input can set, except those that
// the API changes by itself.
func sumOf(values match.Row) string {
	h := sha256.New()
	for _, field := range slices.Sorted(maps.Keys(values)) {
		if inputFields[field] && !match.Same(values[field], nil) {
			fmt.Fprintf(h, "%q %q ", field, values[field])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// row returns the key of a row.
func (b book) row(r *row) string { return b.prefix + r.key() }

// with calls do with the lease on a key.
func (b book) with(ctx context.Context, key string, do func(growthgenius.Lease) error) error {
	return withLease(ctx, b.ledger, key, do)
}

func release(ctx context.Context, lease growthgenius.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	_ = lease.Release(ctx) // it ends by itself otherwise
}

// store records an entry, also if ctx has ended.
func store(ctx context.Context, lease growthgenius.Lease, e growthgenius.Entry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := lease.Record(ctx, e); err != nil {
		return fmt.Errorf("storing it in the ledger: %w", err)
	}
	return nil
}

// ErrOtherInput means that the ledger has an import of the same name of another input.
var ErrOtherInput = errors.New("the ledger has an import of another input")

// begin acquires the import for this run, and reports whether there was a run before. The
// input must be the one of that run, unless it may have changed.
func (im *importer) begin(ctx context.Context) (lease growthgenius.Lease, again bool, err error) {
	if lease, err = im.book.ledger.Acquire(ctx, im.book.prefix+"input"); err != nil {
		return nil, false, fmt.Errorf("acquiring the import from the ledger: %w", err)
	}
	now := header{Rows: len(im.table.rows), Sum: hex.EncodeToString(im.table.sum[:])}
	before := lease.Entry().Note
	if before != nil {
		err = im.admit(before, now)
	}
	if raw := encode(now); err == nil && !im.DryRun && !bytes.Equal(raw, before) {
		err = store(ctx, lease, growthgenius.Entry{Note: raw})
	}
	if err != nil {
		release(ctx, lease)
		return nil, false, err
	}
	return lease, before != nil, nil
}

// admit returns an error if the input is not that of an earlier run.
func (im *importer) admit(note json.RawMessage, now header) error {
	var before header
	if err := json.Unmarshal(note, &before); err != nil {
		return fmt.Errorf("the ledger has something else under the name of the import: %w", err)
	}
	if before.Sum == now.Sum || im.AllowChanges {
		return nil
	}
	return fmt.Errorf("%w (%d rows; this one has %d), or its rows were made in another way, such as by another mapping of columns: "+
		"use another ledger or another Name, or set AllowChanges if some rows were added, removed or mended since", ErrOtherInput, before.Rows, now.Rows)
}

// recall reads what earlier runs have stored of each row.
func (im *importer) recall(ctx context.Context) error {
	unchanged, err := im.book.readUnchanged(ctx)
	if err != nil {
		return err
	}
	im.unchanged = unchanged
	return im.eachRow(ctx, im.recallRow)
}

// eachRow calls do for all rows that are not settled, for several at the same time, until one
// call fails.
func (im *importer) eachRow(ctx context.Context, do func(ctx context.Context, i int) error) error {
	work := make(chan int)
	errs := make(chan error, im.Concurrency)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	for range im.Concurrency {
		group.Go(func() {
			for i := range work {
				if err := do(ctx, i); err != nil {
					errs <- err
					cancel()
					return
				}
			}
		})
	}
	for i := range im.table.rows {
		if im.table.rows[i].state == settled {
			continue
		}
		select {
		case work <- i:
		case <-ctx.Done():
		}
	}
	close(work)
	group.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return ctx.Err()
	}
}

// recallRow reads what earlier runs have stored of a row.
func (im *importer) recallRow(ctx context.Context, i int) error {
	r := &im.table.rows[i]
	if im.unchanged.known[r.digest()] {
		im.settle(i, &Result{Outcome: Unchanged})
		return nil
	}
	e, err := entryOf(ctx, im.book.ledger, onceScope+im.book.row(r))
	if err != nil || e.IsZero() {
		return err
	}
	n := noteIn(e)
	switch {
	case n.Did == updating:
		r.begun = n
		r.begun.id = e.ID
	case n.Did == Updated:
		s := step{outcome: Updated, id: e.ID, set: pick(r.values(), n.Was), was: n.Was}
		im.settle(i, im.resultOf(nil, &s))
	case n.Did == Unchanged:
		im.settle(i, &Result{Outcome: Unchanged, ID: e.ID})
	case e.ID != "":
		s := step{outcome: Created, id: e.ID, set: r.values()}
		im.settle(i, im.resultOf(nil, &s))
		im.own(e.ID, r.first)
	default:
		r.open = e.Token != nil
	}
	return nil
}

// inputFields are the JSON names of the fields that an input can set, except those that the
// API changes by itself.
var inputFields = func() map[string]bool {
	fields := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[growthgenius.ContactInput]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = name != ""
	}
	for _, name := range []string{"email_status", "email_confidence", "prospect_id", "contact_account", "unstructured_data"} {
		delete(fields, name)
	}
	return fields
}()
