// Package redisstore stores in Redis what the processes of a fleet share: a ledger of creates
// under a key, a cache of lookups, and a limiter. It is tested with Redis 7.0.
//
// Stores for different accounts of the API must have different prefixes. In a Redis Cluster,
// one node has a ledger, since all of its keys are in one hash slot.
package redisstore

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Options are the settings of a [Store]. A zero field means its default.
type Options struct {
	// Prefix is what the names of all keys in Redis begin with. Stores with different
	// prefixes share nothing. Default "growthgenius:".
	Prefix string
	// Timeout is how long a call waits for Redis at most, whatever the timeouts and retries
	// of the client are. Default 250ms.
	Timeout time.Duration
}

// Store is what the processes that use one Redis and one prefix share. It is safe for
// concurrent use, and it does not close the client.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration

	slots chan struct{} // has one value for each call that is under way
	late  atomic.Int64  // calls that are under way, and that no caller waits for any more
}

// New returns a store in the Redis of a client. It sends nothing.
func New(client redis.UniversalClient, o Options) *Store {
	return &Store{
		client:  client,
		prefix:  cmp.Or(o.Prefix, "growthgenius:"),
		timeout: cmp.Or(max(o.Timeout, 0), 250*time.Millisecond),
		slots:   make(chan struct{}, maxCalls),
	}
}
