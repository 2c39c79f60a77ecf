package sqlstore

import (
	"github.com/growthgenius/growthgenius-go/internal/fleet"
	"github.com/growthgenius/growthgenius-go/internal/leases"
)

// LedgerThrough is Ledger, with a backend around the store's own.
func (s *Store) LedgerThrough(around func(leases.Backend) leases.Backend, o leases.Options) *leases.Ledger {
	return leases.New(around(backend{s}), o)
}

// LimiterState returns the state of a limiter.
func (s *Store) LimiterState(name string) fleet.Store { return limiterState{s, name} }
