package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// ledgerRow holds how fast a store makes entries durable.
type ledgerRow struct {
	Store   string `json:"store"`
	Writers int    `json:"writers"`
	PerSec  spread `json:"per_second"`
	OfRate  spread `json:"of_rate"` // of the ledger in a file, with as many writers
}

// ledgerWriters are the numbers of goroutines that store entries at a time.
var ledgerWriters = []int{1, 16, 64}

// entryBytes is about the size of an entry as JSON.
const entryBytes = 600

// keeper is a place to store entries in.
type keeper struct {
	name string
	open func(path string) (store func(ctx context.Context, key string, e growthgenius.Entry) error, stop func() error, err error)
}

var keepers = []keeper{
	{"ledger.File", openLedger},
	{"bbolt, Batch within 1 ms", func(path string) (func(context.Context, string, growthgenius.Entry) error, func() error, error) {
		return openBolt(path, time.Millisecond)
	}},
	{"bbolt, Batch within 10 ms, its default", func(path string) (func(context.Context, string, growthgenius.Entry) error, func() error, error) {
		return openBolt(path, 10*time.Millisecond)
	}},
}

func openLedger(path string) (func(context.Context, string, growthgenius.Entry) error, func() error, error) {
	file, err := ledger.OpenFile(path, ledger.FileOptions{For: "a measurement"})
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, key string, e growthgenius.Entry) error {
		lease, err := file.Acquire(ctx, key)
		if err != nil {
			return err
		}
		return errors.Join(lease.Record(ctx, e), lease.Release(ctx))
	}, file.Close, nil
}

// openBolt opens a database that stores the entries as the ledger does: as JSON, each on the
// disk before the call returns. Calls that arrive within delay share a transaction.
func openBolt(path string, delay time.Duration) (func(context.Context, string, growthgenius.Entry) error, func() error, error) {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return nil, nil, err
	}
	db.MaxBatchDelay = delay
	bucket := []byte("entries")
	if err := db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucket); return err }); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return func(_ context.Context, key string, e growthgenius.Entry) error {
		value, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return db.Batch(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put([]byte(key), value) })
	}, db.Close, nil
}

func measureLedger(ctx context.Context, s settings) ([]ledgerRow, error) {
	var rows []ledgerRow
	for _, writers := range ledgerWriters {
		taken, err := interleave(ctx, s.Ledgers, len(keepers), func(i int) (sample, error) {
			return keep(ctx, keepers[i], writers, s.Entries*writers)
		})
		if err != nil {
			return nil, err
		}
		rate := func(s sample) float64 { return 1 / s.seconds }
		for i, k := range keepers {
			rows = append(rows, ledgerRow{k.name, writers, taken[i].spread(rate), taken[i].over(taken[0], rate)})
		}
	}
	return rows, nil
}

// keep stores n entries from so many goroutines.
func keep(ctx context.Context, k keeper, writers, n int) (sample, error) {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		return sample{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, stop, err := k.open(filepath.Join(dir, "ledger"))
	if err != nil {
		return sample{}, err
	}
	note, err := json.Marshal(strings.Repeat("x", entryBytes))
	if err != nil {
		return sample{}, errors.Join(err, stop())
	}
	taken, err := metered(n, func() error {
		var (
			next   atomic.Int64
			all    sync.WaitGroup
			errs   = make([]error, writers)
			scoped = growthgenius.Entry{Scope: "contact", Note: note}
		)
		for w := range writers {
			all.Go(func() {
				e := scoped
				for errs[w] == nil {
					i := next.Add(1)
					if i > int64(n) {
						return
					}
					e.ID = growthgenius.IntID(i)
					errs[w] = store(ctx, fmt.Sprint("key ", i), e)
				}
			})
		}
		all.Wait()
		return errors.Join(errs...)
	})
	return taken, errors.Join(err, stop())
}
