package bulk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"sync"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// Cost is what a run of [Enrich] would cost. Inputs is the sum of Rejected, Duplicates, Cached
// and Lookups.
type Cost struct {
	Inputs     int
	Rejected   int // Lookups that cannot be made.
	Duplicates int // Lookups that are equal to an earlier one.
	Cached     int // Different lookups whose results the cache has.
	Lookups    int // Different lookups whose results it does not have.
	Allowed    int // How many of Lookups the budget allows. Each of these is paid.
}

// String returns the cost in a line.
func (c Cost) String() string {
	pay := fmt.Sprintf("%d to pay", c.Lookups)
	if c.Allowed < c.Lookups {
		pay += fmt.Sprintf(" (%d of them within the budget)", c.Allowed)
	}
	return fmt.Sprintf("%d lookups: %s, %d cached, %d repeated, %d not valid", c.Inputs, pay, c.Cached, c.Duplicates, c.Rejected)
}

// EnrichCost returns what a run of [Enrich] would cost now. It reads the whole input, and sends
// no request. It takes about 50 bytes of memory for each different lookup.
func EnrichCost(ctx context.Context, c *growthgenius.Client, of iter.Seq2[Lookup, error], o EnrichOptions) (Cost, error) {
	e, err := newEnricher(c, o)
	if err != nil {
		return Cost{}, err
	}
	cost, err := e.cost(ctx, of)
	if err != nil {
		return Cost{}, err
	}
	cost.Allowed, err = e.budget.left(ctx, cost.Lookups)
	return cost, err
}

func (e *enricher) cost(ctx context.Context, of iter.Seq2[Lookup, error]) (cost Cost, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	defer group.Wait()
	var mu sync.Mutex // guards what follows
	var cached, lookups int
	free := make(chan struct{}, e.concurrency)
	seen := map[[16]byte]bool{}
	for lookup, err := range of {
		if err != nil {
			return cost, fmt.Errorf("bulk.EnrichCost: the input: %w", err)
		}
		cost.Inputs++
		key, err := e.key(lookup)
		if err != nil {
			cost.Rejected++
			continue
		}
		sum := sha256.Sum256([]byte(key))
		short := [16]byte(sum[:16])
		if seen[short] {
			cost.Duplicates++
			continue
		}
		seen[short] = true
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return cost, fmt.Errorf("bulk.EnrichCost: %w", context.Cause(ctx))
		}
		group.Go(func() {
			defer func() { <-free }()
			err := e.ask(ctx, &enrichJob{Enriched: Enriched{Lookup: lookup}}, growthgenius.OnlyIfCached())
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, growthgenius.ErrNotCached):
				lookups++
			case err == nil, errors.Is(err, growthgenius.ErrNotFound):
				cached++
			default:
				cancel(err)
			}
		})
	}
	group.Wait()
	cost.Cached, cost.Lookups = cached, lookups
	if ctx.Err() != nil {
		return cost, fmt.Errorf("bulk.EnrichCost: %w", context.Cause(ctx))
	}
	return cost, nil
}
