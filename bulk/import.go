package bulk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/growthgenius/growthgenius-go"
)

// Mode is what an import does with a row whose e-mail address a contact has.
type Mode int

// Modes of an import.
const (
	Upsert     Mode = iota // update the contact
	CreateOnly             // leave the contact as it is
	FillBlanks             // update the fields of the contact that are empty
)

// RepeatPolicy is what an import does with a row whose e-mail address an earlier row has.
type RepeatPolicy int

// Policies for rows with the same e-mail address.
const (
	SkipRepeats  RepeatPolicy = iota // only the first row counts that is not rejected
	ApplyRepeats                     // each counts, in their order: the later ones update the contact
)

// ImportOptions are the options of an [Import]. The zero value creates and updates contacts.
type ImportOptions struct {
	// Name is the name of the import in the ledger, which may have several.
	Name string

	Mode    Mode
	Repeats RepeatPolicy
	// Oldest updates the oldest contact if several have the e-mail address of a row. Otherwise
	// the row is [Rejected].
	Oldest bool

	// Concurrency is how many requests are under way at the same time, besides those for rows
	// whose outcome is unknown. 0 means 16. With 1, the rows are imported one after the other
	// in their order; otherwise in about that order.
	Concurrency int
	// MaxRows bounds the rows, all of which are kept in memory. 0 means 1,000,000.
	MaxRows int

	// DryRun sends nothing that writes: the results are what the import would do.
	DryRun bool
	// Plan is the digest of a dry run, as [Run.Plan] returns it. Rows for which the import
	// would do something else now are [Skipped].
	Plan string

	// AllowChanges lets the input differ from that of an earlier run with the same ledger
	// and Name: some of its rows may have been added, removed or mended. Otherwise such an
	// input is refused with [ErrOtherInput]. A row without an e-mail address that was mended
	// after its contact was created is a new row, and creates another contact.
	AllowChanges bool
}

const (
	defaultImports = 16
	defaultMaxRows = 1_000_000
)

func (o *ImportOptions) check(c *growthgenius.Client) error {
	invalid := func(text string, args ...any) error {
		return fmt.Errorf("%w: %s", growthgenius.ErrInvalidInput, fmt.Sprintf(text, args...))
	}
	switch {
	case c.Ledger() == nil:
		return invalid("the client needs a ledger, in which it stores what became of each row: see WithLedger")
	case o.Mode < Upsert || o.Mode > FillBlanks:
		return invalid("there is no mode %d", o.Mode)
	case o.Repeats < SkipRepeats || o.Repeats > ApplyRepeats:
		return invalid("there is no policy %d for repeats", o.Repeats)
	case o.Concurrency < 0:
		return invalid("the concurrency must not be negative; got %d", o.Concurrency)
	case o.MaxRows < 0:
		return invalid("MaxRows must not be negative; got %d", o.MaxRows)
	case o.DryRun && o.Plan != "":
		return invalid("Plan is for the import that follows a dry run: leave DryRun out")
	}
	o.Concurrency = cmp.Or(o.Concurrency, defaultImports)
	o.MaxRows = cmp.Or(o.MaxRows, defaultMaxRows)
	return nil
}

// Import imports rows as contacts: it creates those that are missing, and updates those that
// differ. It begins when the results of the [Run] are ranged over.
//
// A row matches a contact by its e-mail address, as [growthgenius.ContactsService.Upsert]
// compares it. Import reads the list of all contacts once, in place of a search for each row,
// and reads what has changed since from time to time. So a row that changes nothing costs no
// request, and any other costs one. Rows without an e-mail address match none: each creates a
// contact. If several contacts match, or one whose address is only near, the row is
// [Rejected].
//
// The client needs a ledger: see [growthgenius.WithLedger]. If the import is interrupted at
// any moment, also by a crash, run it again with the same input and the same ledger: each row
// is applied exactly once. A row is known by its content, and by its number among rows with
// the same content, so its line may be another one. Two imports of the same Name wait for each
// other.
//
// All rows are kept in memory.
func Import(ctx context.Context, c *growthgenius.Client, rows iter.Seq2[Row, error], o ImportOptions) *Run {
	return &Run{im: &importer{ImportOptions: o, client: c, meter: newMeter(c), source: rows, feed: feed{client: c}, made: map[growthgenius.ID]int{}}, ctx: ctx}
}

// Run is an import, or an undo of one.
type Run struct {
	im    *importer
	undo  *undo           // nil for an import
	ctx   context.Context //nolint:containedctx // of the call of Import, for Results
	begun bool
	plan  string
}

// errBegun is the error of a second call of Results.
var errBegun = errors.New("the results can be ranged over once: call it again")

// Results runs the import, and returns the result of each row, in the order of the input. A
// loop that ends early ends the import.
//
// An error has no result and comes last. It means that the import ended early: because the
// input or the ledger could not be read, the context has ended, the API refuses the key, or
// many rows have failed one after the other. If the rows had been read by then, each of them
// has a result before it: those that were not reached are [Pending]. Run the import again to
// go on.
func (r *Run) Results() iter.Seq2[*Result, error] {
	return func(yield func(*Result, error) bool) {
		if err := r.run(yield); err != nil && !errors.Is(err, errLeft) {
			name := "bulk.Import"
			if r.undo != nil {
				name = "bulk.Undo"
			}
			yield(nil, fmt.Errorf("%s: %w", name, err))
		}
	}
}

// errLeft means that the loop over the results has ended.
var errLeft = errors.New("the loop has ended")

// Progress returns how far the import has come. It may be called at any time, on any goroutine.
func (r *Run) Progress() Progress { return r.im.meter.progress() }

// Plan returns the digest of a dry run whose results have been ranged over, and "" for any
// other run. ImportOptions.Plan carries it out. The ledger stores the plan.
func (r *Run) Plan() string { return r.plan }

func (r *Run) run(yield func(*Result, error) bool) error {
	if r.begun {
		return errBegun
	}
	r.begun = true
	im := r.im
	defer im.meter.end()
	if err := im.check(im.client); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	im.stop, im.cond = cancel, sync.NewCond(&im.mu)
	if r.undo != nil {
		return r.undo.run(ctx, yield)
	}
	lease, err := im.prepare(ctx)
	if err != nil {
		return err
	}
	defer release(ctx, lease)
	if im.DryRun {
		p := im.planAll()
		if r.plan, err = im.book.writePlan(ctx, p); err != nil {
			return err
		}
		return im.emit(yield)
	}
	return im.yielding(ctx, im.carryOut, yield)
}

// importer runs an import.
type importer struct {
	ImportOptions
	client *growthgenius.Client
	meter  *meter
	source iter.Seq2[Row, error]
	book   book
	table  *table
	plan   plan
	stop   context.CancelCauseFunc
	slots  chan struct{} // one for each request that may be under way
	late   chan struct{} // one for each row that is asked for again
	lates  sync.WaitGroup
	sent   atomic.Int64 // requests since the contacts were read last
	feed   feed

	refreshing atomic.Bool

	mu        sync.Mutex              // guards the fields below, and the states and results of all rows
	cond      *sync.Cond              // a row was settled
	made      map[growthgenius.ID]int // contacts that imports of this name created: the first row of their address, -1 for none
	unchanged unchanged
	failing   int              // how many rows have failed one after the other
	chains    map[int]*chained // by their first row, if there is more than one
}

// yielding yields the results of a run while it does the work.
func (im *importer) yielding(ctx context.Context, work func(context.Context) error, yield func(*Result, error) bool) error {
	end := make(chan error, 1)
	go func() { end <- work(ctx) }()
	err := im.emit(yield)
	im.stop(errLeft)
	err = cmp.Or(err, <-end)
	if err == nil && context.Cause(ctx) != errLeft { //nolint:errorlint // it is set above
		err = context.Cause(ctx)
	}
	return err
}

// open reads the rows, and acquires the import. again is whether there was a run before.
func (im *importer) open(ctx context.Context) (lease growthgenius.Lease, again bool, err error) {
	im.meter.during("reading the rows")
	if im.table, err = read(im.source, im.MaxRows, func(rows int) { im.meter.expect(rows, false) }); err != nil {
		return nil, false, err
	}
	im.meter.expect(len(im.table.rows), true)
	for i := range im.table.rows {
		if r := &im.table.rows[i]; r.state == settled {
			im.meter.done(r.result.Outcome, 0)
		}
	}
	im.meter.during("waiting for another run of the import to end")
	im.book = newBook(im.client.Ledger(), im.Name)
	return im.begin(ctx)
}

// prepare reads the rows, what earlier runs did with them, and the contacts. The lease is that
// of the import.
func (im *importer) prepare(ctx context.Context) (growthgenius.Lease, error) {
	lease, again, err := im.open(ctx)
	if err != nil {
		return nil, err
	}
	if again {
		im.meter.during("reading what earlier runs have done")
		err = im.recall(ctx)
	}
	if err == nil && im.Plan != "" {
		im.plan, err = im.book.readPlan(ctx, im.Plan)
	}
	if err == nil {
		im.meter.during("reading the contacts")
		err = im.list(ctx)
	}
	if err != nil {
		release(ctx, lease)
		return nil, err
	}
	im.meter.cost(im.requests())
	im.meter.during("")
	return lease, nil
}

// list reads all contacts.
func (im *importer) list(ctx context.Context) error {
	if len(im.table.buckets) == 0 {
		return nil
	}
	return im.feed.all(ctx, func() {}, func(c *growthgenius.Contact) error {
		im.see(c)
		return nil
	})
}

// see notes a contact that a list shows.
func (im *importer) see(c *growthgenius.Contact) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if first, own := im.made[c.ID]; !own {
		im.observe(c, -1)
	} else if first >= 0 {
		im.observe(c, first)
	}
}

// own notes that the import has created a contact for a row.
func (im *importer) own(id growthgenius.ID, first int) {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.made[id] = first
}

// settle sets the result of a row.
func (im *importer) settle(i int, result *Result) {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.table.rows[i].settle(result)
	im.meter.done(result.Outcome, result.requests)
	if im.cond != nil {
		im.cond.Signal()
	}
}

// emit yields the results in the order of the rows.
func (im *importer) emit(yield func(*Result, error) bool) error {
	for i := range im.table.rows {
		r := &im.table.rows[i]
		im.mu.Lock()
		for r.state != settled {
			im.cond.Wait()
		}
		result := r.result
		if im.table.alone(r) { // else the rows after it may need it
			r.result = nil
		}
		im.mu.Unlock()
		if !yield(result, nil) {
			return errLeft
		}
	}
	return nil
}
