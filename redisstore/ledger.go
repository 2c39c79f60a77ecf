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

// ErrMemoryLost means that Redis has lost what a ledger stored, or may have, and that no key is
// given for a while: see [LedgerOptions].Closed. A create under a key that was lost creates
// again. It is also the error of a ledger that is used for the first time: see
// [Store.Initialize].
var ErrMemoryLost = errors.New("the ledger was lost with the memory of Redis, or is used for the first time")

// LedgerOptions are the settings of a ledger. A zero field means its default.
type LedgerOptions struct {
	// Lease is how long a lease lasts if its holder dies: other processes wait that long for
	// its key. It must be longer than the attempt timeout of the clients, and is best three
	// times that. Default 90s.
	Lease time.Duration
	// Closed is how long no key is given after Redis may have lost its memory. Creates of
	// before may still be under way until then, or not be listed yet. Default: Lease, within
	// which a create ends, and 10 seconds more, since the read-back of a client allows 5
	// seconds for the lists to show it (see [growthgenius.ReadBackPolicy]).
	Closed time.Duration
}

// settleMargin is how long the lists may take to show a create after its lease has ended.
const settleMargin = 10 * time.Second

// Ledger returns the ledger of the store: see [growthgenius.WithLedger]. All ledgers of stores
// with the same Redis and the same prefix are one, and must have the same options.
//
// It is as durable as Redis is. Have Redis write each change to its file and sync it at once
// (appendonly yes, appendfsync always), and evict nothing (maxmemory-policy noeviction).
// Otherwise a crash of Redis loses the last second or more, and a restart without a file
// loses everything. A failover loses what the replica had not received, also with WAIT, which
// does not keep a replica that lags from taking over. A create under a key that was lost
// creates again.
//
// Acquire notices that Redis has started anew, that another server has taken over, or that the
// keys were removed by FLUSHALL. Then it returns [ErrMemoryLost] until Closed has passed. It
// does so also after a restart that lost nothing, which it cannot tell from others. Record
// returns [growthgenius.ErrLeaseLost] if the lease was lost. Acquire also returns an error if
// the policy of Redis is to evict keys of any kind. Where Redis does not allow the client to
// use INFO, neither the policy is noticed, nor that another server has taken over.
func (s *Store) Ledger(o LedgerOptions) growthgenius.Ledger {
	if o.Lease <= 0 {
		o.Lease = leases.DefaultLease
	}
	if o.Closed <= 0 {
		o.Closed = o.Lease + settleMargin
	}
	return leases.New(&backend{store: s, closed: o.Closed}, leases.Options{Name: "redisstore", Lease: o.Lease})
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

// purgeAtOnce bounds what one script removes.
const purgeAtOnce = 100

// PurgeLedger removes the entries of the ledger that were stored before a time, and whose
// outcome is known. It returns how many. A create under such a key creates again. Entries whose
// outcome is open, and keys that are held, stay.
func (s *Store) PurgeLedger(ctx context.Context, before time.Time) (int64, error) {
	b, purged, kept := backend{store: s}, int64(0), int64(0)
	for {
		keys, err := do(ctx, s, func(ctx context.Context) ([]string, error) {
			return s.client.ZRangeByScore(ctx, b.name("settled"), &redis.ZRangeBy{
				Min: "-inf", Max: "(" + strconv.FormatInt(before.UnixMilli(), 10), Offset: kept, Count: purgeAtOnce,
			}).Result()
		})
		if err == nil && len(keys) > 0 {
			var n int64
			n, err = b.purge(ctx, before, keys)
			purged += n
			kept += int64(len(keys)) - n
		}
		if err != nil {
			return purged, fmt.Errorf("redisstore: purging the ledger: %w", err)
		}
		if len(keys) < purgeAtOnce {
			return purged, nil
		}
	}
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
		return fmt.Errorf("%w: it can be used in %v, or when Initialize is called, and a create under a key that was lost then creates again", ErrMemoryLost, r.duration())
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

// purge removes the entries of keys, if that is due, and returns how many.
func (b *backend) purge(ctx context.Context, before time.Time, keys []string) (int64, error) {
	names, args := []string{b.name("ids"), b.name("settled")}, []any{before.UnixMilli()}
	for _, key := range keys {
		names = append(names, b.nameOf(key))
		args = append(args, key)
	}
	return do(ctx, b.store, func(ctx context.Context) (int64, error) {
		return purgeScript.Run(ctx, b.store.client, names, args...).Int64()
	})
}
