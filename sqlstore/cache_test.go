package sqlstore_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// TestCache: a value is returned until its time is over, by any process.
func TestCache(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		a, b := d.store(t), d.store(t)
		set := func(key string, value []byte, ttl time.Duration) {
			t.Helper()
			if err := a.Cache().Set(t.Context(), key, value, ttl); err != nil {
				t.Fatal(err)
			}
		}
		want := func(key string, want []byte) {
			t.Helper()
			got, ok, err := b.Cache().Get(t.Context(), key)
			if err != nil || ok != (want != nil) || !bytes.Equal(got, want) {
				t.Errorf("Get(%q): got %q, %v, %v, want %q", key, got, ok, err, want)
			}
		}
		value := []byte("\x00\xff value \"ü\"")
		want("key", nil)
		set("key", value, time.Hour)
		set("empty", []byte{}, time.Hour)
		set("nil", nil, time.Hour)
		set("short", value, 300*time.Millisecond)
		set("zero", value, time.Hour)
		set("zero", value, 0)
		want("key", value)
		want("empty", []byte{})
		want("nil", []byte{})
		want("zero", nil)
		want("KEY", nil)
		set("key", []byte("another"), time.Hour)
		want("key", []byte("another"))
		time.Sleep(310 * time.Millisecond)
		want("short", nil)
		for _, gone := range []int64{1, 0} {
			if n, err := a.PurgeCache(t.Context()); err != nil || n != gone {
				t.Errorf("PurgeCache: got %d, %v, want %d", n, err, gone)
			}
		}
		want("key", []byte("another"))
		set("short", value, time.Hour)
		want("short", value)
	})
}

// TestCacheAtOnce: any number of callers may set and get one key at a time.
func TestCacheAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		var group sync.WaitGroup
		for range 2 {
			cache := d.store(t).Cache()
			for i := range 8 {
				group.Go(func() {
					value := bytes.Repeat([]byte{byte('a' + i)}, 1000)
					for range 20 {
						if err := cache.Set(t.Context(), "key", value, time.Hour); err != nil {
							t.Error(err)
						}
						got, ok, err := cache.Get(t.Context(), "key")
						if err != nil || !ok || len(got) != 1000 || bytes.Count(got, got[:1]) != 1000 {
							t.Errorf("got %.20q, %v, %v", got, ok, err)
						}
					}
				})
			}
		}
		group.Wait()
	})
}

// TestCacheOfAClient: clients share what one of them has looked up.
func TestCacheOfAClient(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d database) {
		srv := growthgeniustest.NewServer(t)
		srv.AddCompany("acme.example", growthgenius.Company{Name: "Acme"})
		for i := range 3 {
			c := srv.Client(growthgenius.WithEnrichmentCache(d.store(t).Cache()))
			company, err := c.Enrichment.Company(t.Context(), "acme.example")
			if err != nil || company.Name != "Acme" {
				t.Errorf("client %d: %v, %v", i, company, err)
			}
		}
		if n := testkit.Count(srv, "GET", growthgeniustest.RouteCompany); n != 1 {
			t.Errorf("%d requests, want 1: %v", n, srv.Requests())
		}
	})
}
