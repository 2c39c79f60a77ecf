package pace

import "sync"

// Budget stops retry storms. Retries are paid from it, and successful calls fill it up
// again. While the API is down it runs empty, and then each call is sent once. It is safe
// for concurrent use.
type Budget struct {
	mu     sync.Mutex // guards tokens
	tokens int
}

const (
	budgetSize = 500
	retryCost  = 5
)

// NewBudget returns a full budget.
func NewBudget() *Budget { return &Budget{tokens: budgetSize} }

// Take pays for one retry, and adds its price to what the call has spent. It reports
// whether the budget had enough.
func (b *Budget) Take(spent *int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tokens < retryCost {
		return false
	}
	b.tokens -= retryCost
	*spent += retryCost
	return true
}

// Succeeded pays back what a call had spent before it succeeded, and one token more.
func (b *Budget) Succeeded(spent int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(budgetSize, b.tokens+spent+1)
}
