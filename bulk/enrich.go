package bulk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// ErrBudgetSpent means that a lookup was not made because [EnrichOptions].Budget is spent.
var ErrBudgetSpent = errors.New("the budget is spent")

// Lookup is a company or a person to look up with [Enrich].
type Lookup struct {
	Domain string                   // The company's: see [growthgenius.EnrichmentService.Company].
	Person growthgenius.PersonQuery // If Domain is empty: see [growthgenius.EnrichmentService.Person].
	Data   any                      // The caller's own, such as the row of a file.
}

// LookupOf returns the lookup of a person by an e-mail address, or of a company by its domain
// or website.
func LookupOf(text string) Lookup {
	host := text
	if _, after, found := strings.Cut(text, "://"); found {
		host = after
	}
	host, _, _ = strings.Cut(host, "/")
	if strings.Contains(host, "@") {
		return Lookup{Person: growthgenius.PersonQuery{Email: text}}
	}
	return Lookup{Domain: text}
}

// EnrichOptions are the settings of [Enrich]. The zero value is ready to use.
type EnrichOptions struct {
	// Concurrency is how many lookups are made at a time. If it is 0 or less, it is 8.
	Concurrency int
	// Budget is how many lookups may be paid, and nil means any number. A lookup counts when
	// it is sent, also if it fails. It does not count if the response to its only request is
	// a 4xx other than 404, or if its result comes from the cache.
	Budget *int
	// BudgetName makes the budget that of all runs, of all processes, that give the same name:
	// the client's ledger stores under it what they have paid in total. If the name is empty,
	// the budget is that of one run.
	BudgetName string
	// PendingWait is for how long a lookup that the API has queued (202) is asked for again
	// at the end of the run. If it is 0, it is 2 minutes, and if it is negative, such a
	// lookup is not repeated.
	PendingWait time.Duration
	// Cost is what [EnrichCost] returned for the same input, if it was called: from it,
	// Progress knows how much there is to do.
	Cost *Cost
}

const (
	defaultConcurrency = 8
	defaultPendingWait = 2 * time.Minute
)

func (o EnrichOptions) withDefaults() EnrichOptions {
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.PendingWait == 0 {
		o.PendingWait = defaultPendingWait
	}
	return o
}

// Outcomes of lookups, besides [Rejected] if it cannot be made, [Skipped] if the budget does not
// allow it, [Pending] if the API has queued it or the run ended before it, and [Failed].
const (
	Found    Outcome = "found"
	NotFound Outcome = "not found" // the API knows no such company or person
)

// Enriched is the result of a [Lookup].
type Enriched struct {
	Lookup  Lookup
	Index   int // Of the lookup in the input, from 0.
	Outcome Outcome

	Company *growthgenius.Company // Of a lookup of a company that was found.
	Person  *growthgenius.Person  // Of a lookup of a person that was found.

	// Paid is whether this run has sent the lookup, and it is not known to be free.
	Paid bool
	// Repeated is whether an earlier run had sent the lookup, too, and ended before the result
	// was stored. It needs the client's ledger.
	Repeated bool
	// Err is nil if the outcome is Found or NotFound.
	Err error
}

// Enrich looks up companies and people. It begins when the results of the run are ranged over.
//
// A result that the client's cache has costs nothing, and each other one is stored there, so
// that it is paid once for all lookups of the same company or person, in this run and in later
// ones. The client needs [growthgenius.WithEnrichmentCache]. With [growthgenius.WithLedger],
// several processes that share the ledger and the cache may run at once: each lookup is made by
// one of them.
//
// If the process is killed after it has sent a lookup and before the result is stored, the API
// may have charged for it. The next run sends it again, since the API does not charge for an
// equal request within 30 days (documented), and sets Repeated. At most Concurrency lookups
// are affected.
func Enrich(ctx context.Context, c *growthgenius.Client, of iter.Seq2[Lookup, error], o EnrichOptions) *EnrichRun {
	return &EnrichRun{ctx: ctx, client: c, of: of, options: o, meter: newMeter(c), maxPending: maxPending}
}

// EnrichRun is a run of [Enrich].
type EnrichRun struct {
	ctx     context.Context //nolint:containedctx // of the call of Enrich, for Results
	client  *growthgenius.Client
	of      iter.Seq2[Lookup, error]
	options EnrichOptions
	meter   *meter
	begun   bool

	maxPending int // how many queued lookups are kept for the end
}

// Progress returns how far the run is. It may be called at any time, on any goroutine. Without
// [EnrichOptions].Cost, how much there is to do is known when the input was read.
func (r *EnrichRun) Progress() Progress { return r.meter.progress() }

var errEnrichBegun = errors.New("bulk.Enrich: the results can be ranged over once: call Enrich again")

// Results makes the lookups, and returns the results as they arrive, one for each lookup.
//
// A lookup that fails does not end the run. An error that is not about one lookup does: it has
// no result and comes last. These are the errors of the input and of the context,
// [growthgenius.ErrUnauthorized], [growthgenius.ErrForbidden], and a cache that does not store
// what was paid.
//
// When the loop is left or the context ends, no more lookups begin. Those that are under way
// have 5 seconds to end, so that what is paid is stored. The input is read in a goroutine of its
// own, one lookup ahead, and Results waits until that has ended.
func (r *EnrichRun) Results() iter.Seq2[*Enriched, error] {
	return func(yield func(*Enriched, error) bool) {
		if r.begun {
			yield(nil, errEnrichBegun)
			return
		}
		r.begun = true
		defer r.meter.end()
		e, err := newEnricher(r.client, r.options)
		if err != nil {
			yield(nil, err)
			return
		}
		if cost := r.options.Cost; cost != nil {
			r.meter.expect(cost.Inputs, true)
			r.meter.cost(cost.Allowed)
		}
		l := newEnrichLoop(e, r, yield)
		defer l.end()
		if err := l.loop(); err != nil && !l.left {
			yield(nil, err)
		}
	}
}

// newEnricher returns what makes the lookups, or an error about what they all need.
func newEnricher(c *growthgenius.Client, o EnrichOptions) (*enricher, error) {
	if _, err := c.Enrichment.CompanyKey("example.com"); err != nil {
		return nil, fmt.Errorf("bulk.Enrich: %w", err)
	}
	if o.BudgetName != "" && (o.Budget == nil || c.Ledger() == nil) {
		return nil, fmt.Errorf("bulk.Enrich: %w: BudgetName needs a Budget, and a client with a ledger: see WithLedger", growthgenius.ErrInvalidInput)
	}
	o = o.withDefaults()
	return &enricher{client: c, ledger: c.Ledger(), pendingWait: o.PendingWait, concurrency: o.Concurrency, budget: newEnrichBudget(c, o)}, nil
}
