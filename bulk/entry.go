package bulk

import (
	"context"
	"fmt"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// entryOf returns what the ledger has under a key, and waits while another process has a lease
// on it.
func entryOf(ctx context.Context, l growthgenius.Ledger, key string) (growthgenius.Entry, error) {
	lease, err := l.Acquire(ctx, key)
	if err != nil {
		return growthgenius.Entry{}, fmt.Errorf("acquiring a key from the ledger: %w", err)
	}
	defer release(ctx, lease)
	return lease.Entry(), nil
}
