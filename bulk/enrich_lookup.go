package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/turns"
)

const (
	// lookupKeys begins the keys of lookups in the ledger.
	lookupKeys = "enrich/"
	// storedTries is how often the cache is asked, a second apart, for what it was given.
	storedTries = 5
)

var errRunEnded = errors.New("bulk.Enrich: not looked up: the run was ended")

// enricher makes lookups.
type enricher struct {
	client      *growthgenius.Client
	ledger      growthgenius.Ledger // nil for none
	budget      *enrichBudget
	concurrency int
	pendingWait time.Duration
	turns       turns.Turns
}

// lookupNote is what the ledger has of a lookup that was sent, until its result is stored.
type lookupNote struct {
	Sent   time.Time `json:"sent"`
	Budget string    `json:"budget,omitzero"` // the one in which it counts
}

// key returns the key of a lookup in the cache, or what is wrong with the lookup.
func (e *enricher) key(l Lookup) (string, error) {
	company, person := l.Domain != "", l.Person != (growthgenius.PersonQuery{})
	switch {
	case company && person:
		return "", fmt.Errorf("bulk.Enrich: %w: a lookup has a domain or a person, not both", growthgenius.ErrInvalidInput)
	case company:
		return e.client.Enrichment.CompanyKey(l.Domain) //nolint:wrapcheck // says all
	case person:
		return e.client.Enrichment.PersonKey(l.Person) //nolint:wrapcheck // says all
	default:
		return "", fmt.Errorf("bulk.Enrich: %w: the lookup is empty", growthgenius.ErrInvalidInput)
	}
}

// look settles a lookup: from the cache, or by a request.
func (e *enricher) look(ctx context.Context, job *enrichJob) {
	key, err := e.key(job.Lookup)
	if err != nil {
		job.end(Rejected, err)
		return
	}
	if err := e.turns.Take(ctx, key); err != nil {
		job.end(Failed, fmt.Errorf("bulk.Enrich: waiting for an equal lookup: %w", err))
		return
	}
	defer e.turns.Give(key)
	if e.recall(ctx, job) {
		return
	}
	if e.ledger == nil {
		e.pay(ctx, job, nil)
		return
	}
	lease, err := e.ledger.Acquire(ctx, lookupKeys+key)
	if err != nil {
		job.end(Failed, fmt.Errorf("bulk.Enrich: acquiring the lookup from the ledger: %w", err))
		return
	}
	defer release(ctx, lease)
	if !e.recall(ctx, job) { // another process may have paid meanwhile
		e.pay(ctx, job, lease)
	}
}

// recall takes the result from the cache. It reports false if the lookup is to be made: not if
// the cache fails, since the result may be paid.
func (e *enricher) recall(ctx context.Context, job *enrichJob) bool {
	err := e.ask(ctx, job, growthgenius.OnlyIfCached())
	if errors.Is(err, growthgenius.ErrNotCached) {
		return false
	}
	if err == nil || errors.Is(err, growthgenius.ErrNotFound) {
		job.end(outcomeOf(err), nil)
	} else {
		job.end(Failed, err)
	}
	return true
}

func outcomeOf(err error) Outcome {
	if err == nil {
		return Found
	}
	return NotFound
}

// ask makes the lookup.
func (e *enricher) ask(ctx context.Context, job *enrichJob, opts ...growthgenius.RequestOption) (err error) {
	if job.Lookup.Domain != "" {
		job.Company, err = e.client.Enrichment.Company(ctx, job.Lookup.Domain, opts...)
	} else {
		job.Person, err = e.client.Enrichment.Person(ctx, job.Lookup.Person, opts...)
	}
	return err //nolint:wrapcheck // says all
}

// pay makes a lookup that the budget allows. Before it is sent, the ledger has that it may be.
func (e *enricher) pay(ctx context.Context, job *enrichJob, lease growthgenius.Lease) {
	select {
	case <-job.stop:
		job.end(Pending, errRunEnded)
		return
	default:
	}
	var earlier lookupNote
	if lease != nil && lease.Entry().Note != nil {
		if err := json.Unmarshal(lease.Entry().Note, &earlier); err != nil {
			job.end(Failed, fmt.Errorf("bulk.Enrich: the ledger has something else under the key of the lookup: %w", err))
			return
		}
		job.Repeated = job.Repeated || !job.counted
	}
	if counts := !job.counted && !(job.Repeated && earlier.Budget != "" && earlier.Budget == e.budget.name); counts {
		switch ok, err := e.budget.take(ctx); {
		case err != nil:
			job.end(Failed, err)
			return
		case !ok:
			job.end(Skipped, fmt.Errorf("bulk.Enrich: not looked up: %w", ErrBudgetSpent))
			return
		}
	}
	first := !job.counted
	job.counted = true
	if err := keepNote(ctx, lease, lookupNote{time.Now().UTC(), e.budget.name}); err != nil {
		job.end(Failed, err)
		return
	}
	job.Paid = true
	var info growthgenius.ResponseInfo
	err := e.ask(ctx, job, growthgenius.CaptureResponse(&info))
	job.calls += max(1, info.Attempts)
	ctx = context.WithoutCancel(ctx)
	if free := first && !job.Repeated && isRefusal(err) && info.Attempts == 1; free {
		job.Paid, job.counted = false, false
		e.budget.giveBack(ctx)
		_ = keepNote(ctx, lease, lookupNote{}) // else the next run counts it as repeated
	}
	e.conclude(ctx, job, lease, err)
}

// conclude decides what became of a lookup that was made.
func (e *enricher) conclude(ctx context.Context, job *enrichJob, lease growthgenius.Lease, err error) {
	api, isAPI := errors.AsType[*growthgenius.APIError](err)
	switch {
	case err == nil, isAPI && api.RecordNotFound():
		outcome := outcomeOf(err)
		if job.fatal = e.stored(ctx, job); job.fatal == nil {
			_ = keepNote(ctx, lease, lookupNote{}) // it is not read any more while the cache has the result
		}
		job.end(outcome, nil)
	case errors.Is(err, growthgenius.ErrPending):
		job.end(Pending, err)
	default:
		if errors.Is(err, growthgenius.ErrUnauthorized) || errors.Is(err, growthgenius.ErrForbidden) {
			job.fatal = err
		}
		job.end(Failed, err)
	}
}

// stored returns an error if the cache does not have a result that was paid.
func (e *enricher) stored(ctx context.Context, job *enrichJob) error {
	for tries := 1; ; tries++ {
		again := &enrichJob{Enriched: Enriched{Lookup: job.Lookup}}
		err := e.ask(ctx, again, growthgenius.OnlyIfCached())
		if err == nil || errors.Is(err, growthgenius.ErrNotFound) {
			return nil
		}
		if tries == storedTries {
			return fmt.Errorf("bulk.Enrich: the cache has not stored a result that was paid, so that the next run would pay again: %w", err)
		}
		<-time.After(time.Second) // also if the run is to end: what is paid is to be stored
	}
}

// isRefusal reports whether a response says that nothing was looked up.
func isRefusal(err error) bool {
	api, ok := errors.AsType[*growthgenius.APIError](err)
	return ok && api.StatusCode/100 == 4 && api.StatusCode != http.StatusNotFound
}

func retryAfter(err error) time.Duration {
	if api, ok := errors.AsType[*growthgenius.APIError](err); ok {
		return api.RetryAfter
	}
	return 0
}

// keepNote stores a note under the key of a lookup; the zero one removes what is there.
func keepNote(ctx context.Context, lease growthgenius.Lease, n lookupNote) error {
	if lease == nil {
		return nil
	}
	var entry growthgenius.Entry
	if n != (lookupNote{}) {
		var err error
		if entry.Note, err = json.Marshal(n); err != nil {
			return fmt.Errorf("bulk.Enrich: %w", err)
		}
	}
	if err := store(ctx, lease, entry); err != nil {
		return fmt.Errorf("bulk.Enrich: %w", err)
	}
	return nil
}

// end notes what became of the lookup.
func (j *enrichJob) end(outcome Outcome, err error) {
	j.Outcome, j.Err = outcome, err
}
