//go:build unix

package redisstore_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/redisstore"
)

// openStore returns a store whose ledger is open, with a timeout that a busy machine keeps.
func openStore(t *testing.T, client redis.UniversalClient) *redisstore.Store {
	t.Helper()
	store := redisstore.New(client, redisstore.Options{Timeout: 10 * time.Second})
	if err := store.Initialize(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

// put stores an id under a key.
func put(t *testing.T, l growthgenius.Ledger, key string, id growthgenius.ID) {
	t.Helper()
	lease, err := l.Acquire(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Record(t.Context(), growthgenius.Entry{Scope: "contact", ID: id}); err != nil {
		t.Error(err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// idOf returns what is stored under a key.
func idOf(t *testing.T, l growthgenius.Ledger, key string) growthgenius.ID {
	t.Helper()
	lease, err := l.Acquire(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Error(err)
	}
	return lease.Entry().ID
}

// TestFirstUse: a ledger that was never used is closed until it is initialized.
func TestFirstUse(t *testing.T) {
	t.Parallel()
	store := redisstore.New(startRedis(t).client(t, nil), redisstore.Options{Timeout: 10 * time.Second})
	l := store.Ledger(redisstore.LedgerOptions{})
	_, err := l.Acquire(t.Context(), "key")
	if !errors.Is(err, redisstore.ErrMemoryLost) || !strings.Contains(err.Error(), "it can be used in 1m40s") {
		t.Errorf("Acquire at the first use: %v", err)
	}
	if err := store.Initialize(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, l, "key", "1")
	if err := store.Initialize(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := idOf(t, l, "key"); got != "1" {
		t.Errorf("after Initialize: got the id %q, want 1", got)
	}
}

// TestMemoryLost: when Redis may have lost what it had, holders lose their leases, and no key
// is given before a create of before has ended and is listed.
func TestMemoryLost(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		settings []string
		lose     func(*testing.T, *redisServer, *redis.Client)
		keeps    bool // what was stored
	}{
		"restarted empty": {lose: func(t *testing.T, s *redisServer, _ *redis.Client) {
			t.Helper()
			s.kill(t)
			s.start(t)
		}},
		"flushed": {lose: func(t *testing.T, _ *redisServer, c *redis.Client) {
			t.Helper()
			if err := c.FlushAll(t.Context()).Err(); err != nil {
				t.Error(err)
			}
		}},
		"restarted with its file": {
			settings: []string{"--appendonly", "yes", "--appendfsync", "always"},
			keeps:    true,
			lose: func(t *testing.T, s *redisServer, _ *redis.Client) {
				t.Helper()
				s.kill(t)
				s.start(t)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t, tt.settings...)
			client := server.client(t, nil)
			const closed = 500 * time.Millisecond
			l := openStore(t, client).Ledger(redisstore.LedgerOptions{Closed: closed})
			put(t, l, "key", "1")
			held, err := l.Acquire(t.Context(), "held")
			if err != nil {
				t.Fatal(err)
			}
			lost := time.Now()
			tt.lose(t, server, client)
			err = held.Record(t.Context(), growthgenius.Entry{Scope: "contact", ID: "2"})
			if !tt.keeps && !errors.Is(err, growthgenius.ErrLeaseLost) || tt.keeps && err != nil {
				t.Errorf("Record of a holder: got %v, and Redis keeps what it stored: %v", err, tt.keeps)
			}
			_ = held.Release(t.Context())
			var errs int
			for ; ; errs++ {
				lease, err := l.Acquire(t.Context(), "key")
				if err == nil {
					_ = lease.Release(t.Context())
					break
				}
				if !errors.Is(err, redisstore.ErrMemoryLost) || time.Since(lost) > 20*time.Second {
					t.Fatalf("Acquire: %v", err)
				}
				time.Sleep(10 * time.Millisecond)
			}
			if took := time.Since(lost); errs == 0 || took < closed {
				t.Errorf("the ledger gave a key after %v and %d errors, want %v", took, errs, closed)
			}
			want := growthgenius.ID("")
			if tt.keeps {
				want = "1"
			}
			if got := idOf(t, l, "key"); got != want {
				t.Errorf("the ledger has the id %q, want %q", got, want)
			}
		})
	}
}

// TestFailover: after a replica has taken over that may lag, no key is given for a while.
func TestFailover(t *testing.T) {
	t.Parallel()
	primary := startRedis(t, "--port", strconv.Itoa(freePort(t)))
	replica := startRedis(t, "--replicaof", "127.0.0.1 "+primary.port(), "--repl-diskless-sync-delay", "0")
	store := openStore(t, primary.client(t, nil))
	put(t, store.Ledger(redisstore.LedgerOptions{}), "key", "1")
	next := replica.client(t, nil)
	for begun := time.Now(); next.DBSize(t.Context()).Val() == 0 || next.Exists(t.Context(), "growthgenius:{ledger}:key:key").Val() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("the replica does not receive the changes")
		}
	}
	replica.suspend(t) // it lags
	put(t, store.Ledger(redisstore.LedgerOptions{}), "another", "2")
	primary.kill(t)
	replica.resume(t)
	if err := next.ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	l := redisstore.New(next, redisstore.Options{Timeout: 10 * time.Second}).Ledger(redisstore.LedgerOptions{})
	if _, err := l.Acquire(t.Context(), "another"); !errors.Is(err, redisstore.ErrMemoryLost) {
		t.Errorf("Acquire after a failover: %v", err)
	}
}

// TestEviction: a ledger whose keys Redis may evict is refused.
func TestEviction(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	client := server.client(t, nil)
	l := openStore(t, client).Ledger(redisstore.LedgerOptions{})
	set := func(name, value string) {
		t.Helper()
		if err := client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i, tt := range []struct{ policy, memory, want string }{
		{"allkeys-lru", "0", ""},
		{"allkeys-lru", "100mb", "set the maxmemory-policy of Redis to noeviction, in place of allkeys-lru"},
		{"allkeys-random", "100mb", "allkeys-random"},
		{"volatile-lru", "100mb", ""},
		{"noeviction", "100mb", ""},
	} {
		set("maxmemory", tt.memory)
		set("maxmemory-policy", tt.policy)
		lease, err := l.Acquire(t.Context(), strconv.Itoa(i))
		if err == nil {
			_ = lease.Release(t.Context())
		}
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s with %s: %v", tt.policy, tt.memory, err)
		}
	}
}

// TestInfoDenied: without INFO, the ledger works, and notices a memory that is empty.
func TestInfoDenied(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	admin := server.client(t, nil)
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "app", "on", "nopass", "~growthgenius:*", "+@all", "-info").Err(); err != nil {
		t.Fatal(err)
	}
	client := server.client(t, func(o *redis.Options) { o.Username, o.Password = "app", "any" })
	if err := client.Info(t.Context()).Err(); err == nil {
		t.Fatal("INFO is allowed")
	}
	l := openStore(t, client).Ledger(redisstore.LedgerOptions{})
	put(t, l, "key", "1")
	other := redisstore.New(admin, redisstore.Options{Timeout: 10 * time.Second}).Ledger(redisstore.LedgerOptions{})
	if got := idOf(t, other, "key"); got != "1" {
		t.Errorf("a client that may use INFO: got the id %q, want 1", got)
	}
	put(t, l, "key", "2")
	if err := admin.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Acquire(t.Context(), "key"); !errors.Is(err, redisstore.ErrMemoryLost) {
		t.Errorf("Acquire after FLUSHALL: %v", err)
	}
}

// TestCluster: all keys of a script are in one hash slot, or a cluster refuses it.
func TestCluster(t *testing.T) {
	t.Parallel()
	server := startRedis(t, "--port", strconv.Itoa(freePort(t)), "--cluster-enabled", "yes", "--cluster-config-file", "nodes", "--cluster-port", strconv.Itoa(freePort(t)))
	admin := server.client(t, nil)
	if err := admin.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); !strings.Contains(admin.ClusterInfo(t.Context()).Val(), "cluster_state:ok"); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("the cluster does not start")
		}
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:" + server.port()}})
	t.Cleanup(func() { _ = client.Close() })
	store := openStore(t, client)
	l := store.Ledger(redisstore.LedgerOptions{})
	for i := range 5 {
		put(t, l, "key "+strconv.Itoa(i), growthgenius.IntID(int64(i)))
	}
	if n, err := store.PurgeLedger(t.Context(), time.Now().Add(time.Hour)); n != 5 || err != nil {
		t.Errorf("Purge: %d, %v, want 5", n, err)
	}
}
