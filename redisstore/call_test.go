//go:build unix

package redisstore_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/growthgenius/growthgenius-go/redisstore"
)

// timeout is the default of Options.
const timeout = 250 * time.Millisecond

// TestTimeout: Redis that refuses or hangs holds no call for longer than the timeout, whatever
// the client is.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*redis.Options){
		"default client":            nil,
		"client that obeys context": func(o *redis.Options) { o.ContextTimeoutEnabled = true },
		"patient client":            func(o *redis.Options) { o.ReadTimeout, o.MaxRetries = time.Minute, 10 },
	} {
		for outage, begin := range map[string]func(*testing.T, *redisServer) *redis.Client{
			"hangs": func(t *testing.T, s *redisServer) *redis.Client {
				t.Helper()
				client := s.client(t, change)
				if err := client.Ping(t.Context()).Err(); err != nil { // it has a connection
					t.Error(err)
				}
				s.suspend(t)
				return client
			},
			"refuses": func(t *testing.T, s *redisServer) *redis.Client {
				t.Helper()
				client := s.client(t, change)
				s.kill(t)
				return client
			},
			"never responds": func(t *testing.T, _ *redisServer) *redis.Client {
				t.Helper()
				o := &redis.Options{Addr: silentListener(t)}
				if change != nil {
					change(o)
				}
				client := redis.NewClient(o)
				t.Cleanup(func() { _ = client.Close() })
				return client
			},
		} {
			t.Run(outage+"/"+name, func(t *testing.T) {
				t.Parallel()
				server := startRedis(t)
				store := redisstore.New(begin(t, server), redisstore.Options{})
				l := store.Ledger(redisstore.LedgerOptions{})
				for name, call := range map[string]func() error{
					"Get":        func() error { _, _, err := store.Cache().Get(t.Context(), "key"); return err },
					"Set":        func() error { return store.Cache().Set(t.Context(), "key", nil, time.Hour) },
					"Acquire":    func() error { _, err := l.Acquire(t.Context(), "key"); return err },
					"Initialize": func() error { return store.Initialize(t.Context()) },
					"Purge":      func() error { _, err := store.PurgeLedger(t.Context(), time.Now()); return err },
				} {
					began := time.Now()
					err := call()
					if took := time.Since(began); err == nil || took > 4*timeout {
						t.Errorf("%s: %v after %v, want an error within %v", name, err, took, timeout)
					}
				}
			})
		}
	}
}

// silentListener returns the address of a server that accepts connections and never responds.
func silentListener(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
	})
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	})
	return listener.Addr().String()
}

// TestOutage: when as many calls hang as may be under way, further ones fail at once, and
// goroutines do not pile up. Afterwards all is as before.
func TestOutage(t *testing.T) {
	t.Parallel()
	client, w := startRedis(t).client(t, nil), &way{}
	client.AddHook(hook(w.pass))
	store := redisstore.New(client, redisstore.Options{})
	cache := store.Cache()
	if err := openStore(t, client).Cache().Set(t.Context(), "key", []byte("value"), time.Hour); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	fail := func(calls int) (atOnce int32) {
		var late atomic.Int32
		var group sync.WaitGroup
		for range calls {
			group.Go(func() {
				if _, _, err := cache.Get(t.Context(), "key"); err == nil {
					t.Error("Get succeeded")
				} else if strings.Contains(err.Error(), "under way") {
					late.Add(1)
				}
			})
		}
		group.Wait()
		return late.Load()
	}
	if got := fail(redisstore.MaxCalls); got > 0 {
		t.Errorf("%d of %d calls failed at once", got, redisstore.MaxCalls)
	}
	if got := fail(2000); got != 2000 {
		t.Errorf("then %d of 2000 calls failed at once", got)
	}
	if got := runtime.NumGoroutine(); got > 4*redisstore.MaxCalls {
		t.Errorf("%d goroutines", got)
	}
	w.mu.Unlock()
	begun := time.Now()
	for {
		value, _, err := cache.Get(t.Context(), "key")
		if string(value) == "value" {
			break
		}
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("Get after the outage: %q, %v", value, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestContext: a call ends with its context, and says so.
func TestContext(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	store := redisstore.New(server.client(t, nil), redisstore.Options{Timeout: time.Minute})
	server.suspend(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := store.Cache().Get(ctx, "key"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get with a context that ends: %v", err)
	}
	server.resume(t)
}
