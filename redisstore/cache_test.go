//go:build unix

package redisstore_test

import (
	"testing"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/redisstore"
)

// TestCache: a value is there for all stores with the prefix, until its time has passed.
func TestCache(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	client := server.client(t, nil)
	cache := redisstore.New(client, redisstore.Options{}).Cache()
	shared := redisstore.New(server.client(t, nil), redisstore.Options{Prefix: "growthgenius:"}).Cache()
	apart := redisstore.New(client, redisstore.Options{Prefix: "another:"}).Cache()
	want := func(cache growthgenius.EnrichmentCache, key, value string, ok bool) {
		t.Helper()
		if got, found, err := cache.Get(t.Context(), key); string(got) != value || found != ok || err != nil {
			t.Errorf("Get(%q): got %q, %v, %v, want %q, %v", key, got, found, err, value, ok)
		}
	}
	set := func(key, value string, ttl time.Duration) {
		t.Helper()
		if err := cache.Set(t.Context(), key, []byte(value), ttl); err != nil {
			t.Errorf("Set(%q): %v", key, err)
		}
	}
	want(cache, "key", "", false)
	set("key", "value\x00", time.Hour)
	set("empty", "", time.Hour)
	want(shared, "key", "value\x00", true)
	want(shared, "empty", "", true)
	want(apart, "key", "", false)
	if ttl, err := client.PTTL(t.Context(), "growthgenius:cache:key").Result(); ttl > time.Hour || ttl < time.Hour/2 || err != nil {
		t.Errorf("the value expires in %v, want an hour (%v)", ttl, err)
	}
	set("key", "other", 20*time.Millisecond)
	time.Sleep(60 * time.Millisecond)
	want(shared, "key", "", false)
	set("key", "third", time.Hour)
	set("key", "fourth", 0)
	want(shared, "key", "", false)
}
