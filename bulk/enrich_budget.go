package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// budgetKeys begins the keys of budgets in the ledger.
const budgetKeys = "enrich-budget/"

// enrichBudget is how many lookups may be paid.
type enrichBudget struct {
	limit  *int
	name   string              // of one in the ledger
	ledger growthgenius.Ledger // nil unless there is a name

	mu    sync.Mutex // guards spent
	spent int        // of one without a name
}

// budgetNote is what the ledger has of a budget.
type budgetNote struct {
	Spent int `json:"spent"`
}

func newEnrichBudget(c *growthgenius.Client, o EnrichOptions) *enrichBudget {
	b := &enrichBudget{limit: o.Budget, name: o.BudgetName}
	if b.name != "" {
		b.ledger = c.Ledger()
	}
	return b
}

// take counts a lookup, and reports false if the budget is spent.
func (b *enrichBudget) take(ctx context.Context) (ok bool, err error) {
	if b.limit == nil {
		return true, nil
	}
	err = b.change(ctx, func(spent int) int {
		if ok = spent < *b.limit; ok {
			spent++
		}
		return spent
	})
	return ok && err == nil, err
}

// giveBack takes back a lookup that cost nothing. If that fails, it stays counted.
func (b *enrichBudget) giveBack(ctx context.Context) {
	if b.limit == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	_ = b.change(ctx, func(spent int) int { return max(0, spent-1) })
}

// left returns how many of n lookups the budget allows.
func (b *enrichBudget) left(ctx context.Context, n int) (left int, err error) {
	if b.limit == nil {
		return n, nil
	}
	err = b.change(ctx, func(spent int) int {
		left = min(n, max(0, *b.limit-spent))
		return spent
	})
	return left, err
}

// change changes how many lookups are counted.
func (b *enrichBudget) change(ctx context.Context, to func(spent int) int) error {
	if b.ledger == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.spent = to(b.spent)
		return nil
	}
	lease, err := b.ledger.Acquire(ctx, budgetKeys+b.name)
	if err != nil {
		return fmt.Errorf("bulk.Enrich: acquiring the budget from the ledger: %w", err)
	}
	defer release(ctx, lease)
	var n budgetNote
	if before := lease.Entry().Note; before != nil {
		if err := json.Unmarshal(before, &n); err != nil {
			return fmt.Errorf("bulk.Enrich: the ledger has something else under the name of the budget: %w", err)
		}
	}
	after := budgetNote{to(n.Spent)}
	if after == n {
		return nil
	}
	data, err := json.Marshal(after)
	if err != nil {
		return fmt.Errorf("bulk.Enrich: %w", err)
	}
	if err := store(ctx, lease, growthgenius.Entry{Note: data}); err != nil {
		return fmt.Errorf("bulk.Enrich: the budget: %w", err)
	}
	return nil
}
