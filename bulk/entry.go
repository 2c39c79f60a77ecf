package bulk

import (
	"context"
	"fmt"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// entryOf returns what the ledger has under a key, and waits while another process has a lease
// on it.
func entryOf(ctx context.Context, l growthgenius.Ledger, key string) (growthgenius.Entry, error) {
	var e growthgenius.Entry
	err := withLease(ctx, l, key, func(lease growthgenius.Lease) error {
		e = lease.Entry()
		return nil
	})
	return e, err
}

// withLease calls do with the lease on a key.
func withLease(ctx context.Context, l growthgenius.Ledger, key string, do func(growthgenius.Lease) error) error {
	lease, err := l.Acquire(ctx, key)
	if err != nil {
		return fmt.Errorf("acquiring a key from the ledger: %w", err)
	}
	defer release(ctx, lease)
	return do(lease)
}
