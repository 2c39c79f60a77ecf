package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// Cache returns a cache of lookups: see [growthgenius.WithEnrichmentCache]. Redis removes what
// has expired, and may evict any of it before.
func (s *Store) Cache() growthgenius.EnrichmentCache { return cache{s} }

type cache struct{ store *Store }

func (c cache) name(key string) string { return c.store.prefix + "cache:" + key }

// Get implements [growthgenius.EnrichmentCache].
func (c cache) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	value, err = do(ctx, c.store, func(ctx context.Context) ([]byte, error) {
		value, err := c.store.client.Get(ctx, c.name(key)).Bytes()
		if errors.Is(err, redis.Nil) {
			return nil, nil
		}
		return value, err
	})
	if err != nil {
		return nil, false, fmt.Errorf("redisstore: reading from the cache: %w", err)
	}
	return value, value != nil, nil
}

// Set implements [growthgenius.EnrichmentCache].
func (c cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	_, err := do(ctx, c.store, func(ctx context.Context) (any, error) {
		if ttl < time.Millisecond { // less than Redis can express
			return nil, c.store.client.Del(ctx, c.name(key)).Err()
		}
		return nil, c.store.client.Set(ctx, c.name(key), value, ttl).Err()
	})
	if err != nil {
		return fmt.Errorf("redisstore: writing to the cache: %w", err)
	}
	return nil
}
