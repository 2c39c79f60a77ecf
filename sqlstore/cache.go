package sqlstore

import (
	"context"
	"fmt"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// expires_at is milliseconds since 1970.
const createCache = `CREATE TABLE IF NOT EXISTS growthgenius_cache (
	cache_key TEXT NOT NULL PRIMARY KEY,
	value {blob} NOT NULL,
	expires_at BIGINT NOT NULL)`

// Cache returns a cache of lookups: see [growthgenius.WithEnrichmentCache]. Values expire by the
// clock of the database. Those that have expired take space until [Store.PurgeCache].
func (s *Store) Cache() growthgenius.EnrichmentCache { return cache{s} }

// PurgeCache removes what has expired, and returns how many values that were.
func (s *Store) PurgeCache(ctx context.Context) (int64, error) {
	n, err := s.exec(ctx, `DELETE FROM growthgenius_cache WHERE expires_at <= {now}`)
	if err != nil {
		return 0, fmt.Errorf("sqlstore: purging the cache: %w", err)
	}
	return n, nil
}

type cache struct{ store *Store }

// Get implements [growthgenius.EnrichmentCache].
func (c cache) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	found, err := query(ctx, c.store, scan[[]byte],
		`SELECT value FROM growthgenius_cache WHERE cache_key = $1 AND expires_at > {now}`, key)
	if err != nil {
		return nil, false, fmt.Errorf("sqlstore: reading the cache: %w", err)
	}
	if len(found) == 0 {
		return nil, false, nil
	}
	return found[0], true, nil
}

// Set implements [growthgenius.EnrichmentCache].
func (c cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) (err error) {
	if lasts := ttl.Milliseconds(); lasts > 0 {
		_, err = c.store.exec(ctx, `INSERT INTO growthgenius_cache (cache_key, value, expires_at) VALUES ($1, $2, {now} + $3)
			ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`,
			key, append([]byte{}, value...), lasts)
	} else {
		_, err = c.store.exec(ctx, `DELETE FROM growthgenius_cache WHERE cache_key = $1`, key)
	}
	if err != nil {
		return fmt.Errorf("sqlstore: writing the cache: %w", err)
	}
	return nil
}
