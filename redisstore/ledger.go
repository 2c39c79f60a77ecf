package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/leases"
)

// ErrMemoryLost means that Redis has lost what a ledger stored, or may have. It is also the
// error of a ledger that is used for the first time: see [Store.Initialize]. After the time
// that [LedgerOptions].Closed says, the ledger can be used. Before it is, find out which keys
// were lost: a create under such a key creates again.
var ErrMemoryLost = errors.New("the ledger was lost with the memory of Redis, or is used for the first time")

// LedgerOptions are the settings of a ledger. A zero field means its default.
type LedgerOptions struct {
	// Lease is how long other processes wait for a key whose holder has died. It must be
	// longer than the attempt timeout of the client, and is best three times that. Default
	// 90s.
	Lease time.Duration
	// Closed is how long no key is given after Redis lost its memory. Until then, creates
	// of before may still be under way, or not be listed yet. Default: Lease and 10 seconds
	// more, since within a lease a create ends, and the read-back of a client waits 5
	// seconds for the lists to show it ([growthgenius.ReadBackPolicy]).
	Closed time.Duration
}

// settleMargin is how long the lists may take to show a create after its lease has ended.
const settleMargin = 10 * time.Second

// Ledger is a ledger in Redis. It is safe for concurrent use, by any number of processes.
//
// It is as durable as Redis is. Have Redis append each change to its file and sync it at once
// (appendonly yes, appendfsync always), and evict nothing (maxmemory-policy noeviction).
// Otherwise a crash of Redis loses the last second or more, a failover loses what the replica
// had not received, and a restart without a file loses everything. A create under a key that
// was lost creates again. WAIT is no remedy: it does not keep a replica that lags from taking
// over.
//
// The ledger notices that Redis has started anew, that another server has taken over, or that
// the keys were removed by FLUSHALL. What is held then may be lost: its Record returns
// [growthgenius.ErrLeaseLost]. Acquire returns [ErrMemoryLost] until [LedgerOptions].Closed has
// passed, since a create of before may not be listed yet. That is so also after a restart that
// lost nothing, because the ledger cannot tell. It notices no failover if INFO is not allowed.
//
// Acquire returns an error if the policy of Redis may evict keys of the ledger, unless INFO is
// not allowed.
type Ledger struct {
	shared  *leases.Ledger
	backend *backend
}

// Ledger returns the ledger of the store. All ledgers of stores with the same Redis and the
// same prefix are one, and should have the same options.
func (s *Store) Ledger(o LedgerOptions) *Ledger {
	if o.Lease <= 0 {
		o.Lease = leases.DefaultLease
	}
	if o.Closed <= 0 {
		o.Closed = o.Lease + settleMargin
	}
	b := &backend{store: s, closed: o.Closed}
	return &Ledger{shared: leases.New(b, leases.Options{Name: "redisstore", Lease: o.Lease}), backend: b}
}

// Acquire implements [growthgenius.Ledger].
func (l *Ledger) Acquire(ctx context.Context, key string) (growthgenius.Lease, error) {
	return l.shared.Acquire(ctx, key) //nolint:wrapcheck // it says what it is of
}

// Initialize opens the ledger, so that it does not return [ErrMemoryLost]. Call it once, when
// Redis is set up, or after it lost its memory and all creates of before are known to be
// listed. A program that calls it each time it starts would use a ledger that has lost all
// keys, and create again.
func (s *Store) Initialize(ctx context.Context) error {
	b := backend{store: s}
	if err := b.run(ctx, initializeScript, []string{b.name("epoch")}); err != nil {
		return fmt.Errorf("redisstore: initializing the ledger: %w", err)
	}
	return nil
}

// backend implements [leases.Backend].
type backend struct {
	store   *Store
	closed  time.Duration
	records atomic.Int64 // how many were asked for
}

// name returns the name of a key in Redis. All have the same hash tag.
func (b *backend) name(of string) string { return b.store.prefix + "{ledger}:" + of }

func (b *backend) nameOf(key string) string { return b.name("key:" + key) }

// reply is what a script returns.
type reply struct {
	verdict string // its first element
	rest    string // its second one, if it has two
}

// run runs a script that returns a verdict, and returns the error of the verdict.
func (b *backend) run(ctx context.Context, script *redis.Script, keys []string, args ...any) error {
	r, err := do(ctx, b.store, func(ctx context.Context) (reply, error) { return b.send(ctx, script, keys, args...) })
	if err == nil {
		err = r.err()
	}
	return err
}

// send runs a script for as long as the client does.
func (b *backend) send(ctx context.Context, script *redis.Script, keys []string, args ...any) (reply, error) {
	r, err := script.Run(ctx, b.store.client, keys, args...).StringSlice()
	if err != nil {
		return reply{}, err
	}
	return reply{r[0], r[len(r)-1]}, nil
}

func (r reply) err() error {
	switch r.verdict {
	case "lost":
		return growthgenius.ErrLeaseLost
	case "taken":
		return growthgenius.ErrIDTaken
	case "evicts":
		return fmt.Errorf("keys of the ledger may be evicted, and creates under them would happen again: "+
			"set the maxmemory-policy of Redis to noeviction, in place of %s", r.rest)
	case "closed":
		return fmt.Errorf("%w: it can be used in %v, and a create under a key that was lost then creates again: see ErrMemoryLost", ErrMemoryLost, r.duration())
	}
	return nil
}

// duration returns the rest as a duration.
func (r reply) duration() time.Duration {
	n, _ := strconv.ParseInt(r.rest, 10, 64) // the script wrote it
	return time.Duration(n) * time.Millisecond
}

// Acquire implements [leases.Backend].
func (b *backend) Acquire(ctx context.Context, key, holder string, lasts time.Duration) (leases.Acquired, error) {
	keys := []string{b.name("epoch"), b.nameOf(key)}
	r, err := do(ctx, b.store, func(ctx context.Context) (reply, error) {
		r, err := b.send(ctx, acquireScript, keys, holder, lasts.Milliseconds(), b.closed.Milliseconds())
		if ended := ctx.Err(); ended != nil && r.verdict == "ok" { // the caller has given up
			_, err = b.send(context.WithoutCancel(ctx), releaseScript, keys[1:], holder)
			return reply{}, errors.Join(ended, err)
		}
		return r, err
	})
	if err == nil {
		err = r.err()
	}
	if err != nil || r.verdict == "held" {
		return leases.Acquired{Left: r.duration()}, err
	}
	return leases.Acquired{Held: true, Data: []byte(r.rest)}, nil
}

// renewAtOnce bounds what one script renews: other commands wait for it.
const renewAtOnce = 100

// Renew implements [leases.Backend].
func (b *backend) Renew(ctx context.Context, held []leases.Held, lasts time.Duration) (renewed []string, err error) {
	for part := range slices.Chunk(held, renewAtOnce) {
		keys, args := make([]string, len(part)), []any{lasts.Milliseconds()}
		for i, h := range part {
			keys[i] = b.nameOf(h.Key)
			args = append(args, h.Holder)
		}
		holders, err := do(ctx, b.store, func(ctx context.Context) ([]string, error) {
			return renewScript.Run(ctx, b.store.client, keys, args...).StringSlice()
		})
		if err != nil {
			return renewed, err
		}
		renewed = append(renewed, holders...)
	}
	return renewed, nil
}

// Record implements [leases.Backend].
func (b *backend) Record(ctx context.Context, key, holder string, v leases.Value) error {
	var purgeable int
	if len(v.Data) > 0 && !v.Open {
		purgeable = 1
	}
	return b.run(ctx, recordScript, []string{b.nameOf(key), b.name("ids"), b.name("settled")},
		holder, b.records.Add(1), key, scoped(v.Scope, v.ID), purgeable, v.Data)
}

// scoped returns the field of an id among the ids, or nothing for no id.
func scoped(scope, id string) string {
	if id == "" {
		return ""
	}
	return strconv.Itoa(len(scope)) + ":" + scope + id
}

// Taken implements [leases.Backend].
func (b *backend) Taken(ctx context.Context, key, scope, id string) (bool, error) {
	owner, err := do(ctx, b.store, func(ctx context.Context) (*string, error) {
		owner, err := b.store.client.HGet(ctx, b.name("ids"), scoped(scope, id)).Result()
		if errors.Is(err, redis.Nil) {
			return nil, nil //nolint:nilnil // no key has it
		}
		return &owner, err
	})
	return owner != nil && *owner != key, err
}

// Release implements [leases.Backend].
func (b *backend) Release(ctx context.Context, key, holder string) error {
	return b.run(ctx, releaseScript, []string{b.nameOf(key)}, holder)
}

// purgeAtOnce bounds what one script removes.
const purgeAtOnce = 100

// Purge removes the entries that were stored before a time by the clock of Redis, and whose
// outcome is known. It returns how many. A create under such a key creates again. Entries
// whose outcome is open, and keys that are held, stay.
func (l *Ledger) Purge(ctx context.Context, before time.Time) (int, error) {
	b, purged, kept := l.backend, 0, int64(0)
	for {
		keys, err := do(ctx, b.store, func(ctx context.Context) ([]string, error) {
			return b.store.client.ZRangeByScore(ctx, b.name("settled"), &redis.ZRangeBy{
				Min: "-inf", Max: "(" + strconv.FormatInt(before.UnixMilli(), 10), Offset: kept, Count: purgeAtOnce,
			}).Result()
		})
		if err == nil && len(keys) > 0 {
			var n int
			n, err = b.purge(ctx, before, keys)
			purged += n
			kept += int64(len(keys) - n)
		}
		if err != nil {
			return purged, fmt.Errorf("redisstore: purging the ledger: %w", err)
		}
		if len(keys) < purgeAtOnce {
			return purged, nil
		}
	}
}

func (b *backend) purge(ctx context.Context, before time.Time, keys []string) (int, error) {
	names, args := []string{b.name("ids"), b.name("settled")}, []any{before.UnixMilli()}
	for _, key := range keys {
		names = append(names, b.nameOf(key))
		args = append(args, key)
	}
	return do(ctx, b.store, func(ctx context.Context) (int, error) {
		return purgeScript.Run(ctx, b.store.client, names, args...).Int()
	})
}
