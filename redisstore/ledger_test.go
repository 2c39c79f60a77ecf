//go:build unix

package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/ledger/ledgertest"
	"github.com/growthgenius/growthgenius-go/redisstore"
)

func TestLedger(t *testing.T) {
	t.Parallel()
	const lease = time.Second
	ledgertest.Run(t, func(t *testing.T) ledgertest.Store {
		t.Helper()
		server := startRedis(t)
		clients, ways := map[growthgenius.Ledger]*redis.Client{}, map[growthgenius.Ledger]*way{}
		return ledgertest.Store{
			Takeover: lease,
			Open: func(t *testing.T) growthgenius.Ledger {
				t.Helper()
				client, w := server.client(t, nil), &way{}
				client.AddHook(hook(w.pass))
				l := openStore(t, client).Ledger(redisstore.LedgerOptions{Lease: lease})
				clients[l], ways[l] = client, w
				return l
			},
			Kill: func(t *testing.T, l growthgenius.Ledger) {
				t.Helper()
				if err := clients[l].Close(); err != nil {
					t.Error(err)
				}
			},
			Suspend: func(_ *testing.T, l growthgenius.Ledger) (resume func()) {
				ways[l].mu.Lock()
				return ways[l].mu.Unlock
			},
		}
	})
}

// way is where commands wait while it is locked.
type way struct{ mu sync.RWMutex }

func (w *way) pass(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return next(ctx, cmd)
}

// hook is called in place of each command of a client, and calls next to send it.
type hook func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error

func (hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { return h(ctx, cmd, next) }
}

func (hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// delayed returns a ledger with a timeout, one of whose commands arrives late: the next one
// after arm was called waits until send is closed. sent is closed when it has arrived.
func delayed(t *testing.T, server *redisServer, lease time.Duration) (l growthgenius.Ledger, arm func(), send, sent chan struct{}) {
	t.Helper()
	client := server.client(t, nil)
	var armed atomic.Bool
	send, sent = make(chan struct{}), make(chan struct{})
	client.AddHook(hook(func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
		if armed.CompareAndSwap(true, false) {
			<-send
			defer close(sent)
			ctx = context.WithoutCancel(ctx)
		}
		return next(ctx, cmd)
	}))
	l = redisstore.New(client, redisstore.Options{Timeout: time.Second}).Ledger(redisstore.LedgerOptions{Lease: lease})
	put(t, l, "another", "1") // Redis knows the scripts
	return l, func() { armed.Store(true) }, send, sent
}

// TestLateRecord: an entry that arrives after a newer one does not replace it.
func TestLateRecord(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	openStore(t, server.client(t, nil))
	l, arm, send, sent := delayed(t, server, time.Minute)
	lease, err := l.Acquire(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	arm()
	if err := lease.Record(t.Context(), growthgenius.Entry{ID: "2"}); err == nil || !strings.Contains(err.Error(), "no response from it, within 1s") {
		t.Errorf("Record that takes too long: %v", err)
	}
	if err := lease.Record(t.Context(), growthgenius.Entry{ID: "3"}); err != nil {
		t.Error(err)
	}
	close(send)
	<-sent
	if err := lease.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if got := idOf(t, l, "key"); got != "3" {
		t.Errorf("the ledger has the id %q, want 3", got)
	}
}

// TestLateAcquire: a key that is given when its caller has gone is free again at once.
func TestLateAcquire(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	store := openStore(t, server.client(t, nil))
	l, arm, send, sent := delayed(t, server, time.Minute)
	arm()
	if _, err := l.Acquire(t.Context(), "key"); err == nil {
		t.Error("Acquire succeeded")
	}
	// The lease that was not given is released, which has no effect yet.
	time.Sleep(200 * time.Millisecond)
	close(send)
	<-sent
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	lease, err := store.Ledger(redisstore.LedgerOptions{}).Acquire(ctx, "key")
	if err != nil {
		t.Fatal(err)
	}
	_ = lease.Release(t.Context())
}

// TestLateRelease: a release that arrives after another process has taken over ends nothing.
func TestLateRelease(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	other := openStore(t, server.client(t, nil)).Ledger(redisstore.LedgerOptions{})
	l, arm, send, sent := delayed(t, server, time.Second)
	lease, err := l.Acquire(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	arm()
	if err := lease.Release(t.Context()); err == nil {
		t.Error("Release succeeded")
	}
	held, err := other.Acquire(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	close(send)
	<-sent
	if err := held.Record(t.Context(), growthgenius.Entry{ID: "1"}); err != nil {
		t.Errorf("Record of the holder: %v", err)
	}
	_ = held.Release(t.Context())
}

// TestPurge: entries that were stored before a time are removed, unless their outcome is open
// or their key is held.
func TestPurge(t *testing.T) {
	t.Parallel()
	client := startRedis(t).client(t, nil)
	store := openStore(t, client)
	l := store.Ledger(redisstore.LedgerOptions{})
	const keys = 250
	for i := range keys {
		put(t, l, fmt.Sprint("key ", i), growthgenius.IntID(int64(i)))
	}
	held, err := l.Acquire(t.Context(), "key 7")
	if err != nil {
		t.Fatal(err)
	}
	open, err := l.Acquire(t.Context(), "open")
	if err != nil {
		t.Fatal(err)
	}
	token := new(growthgenius.CreateToken)
	if err := token.UnmarshalJSON([]byte(`{"version":1,"nonce":"N","resource":"contact","user_id":7,"content":{},"started":"2026-01-02T03:04:05Z"}`)); err != nil {
		t.Fatal(err)
	}
	if err := open.Record(t.Context(), growthgenius.Entry{Token: token}); err != nil {
		t.Fatal(err)
	}
	_ = open.Release(t.Context())
	put(t, l, "again", "1000")
	again, err := l.Acquire(t.Context(), "again")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Record(t.Context(), growthgenius.Entry{Token: token}); err != nil {
		t.Fatal(err)
	}
	_ = again.Release(t.Context())
	if got := idOf(t, l, "nothing"); got != "" {
		t.Errorf("a key that was not used has the id %q", got)
	}
	purge := func(before time.Time, want int64) {
		t.Helper()
		if n, err := store.PurgeLedger(t.Context(), before); n != want || err != nil {
			t.Errorf("Purge: %d, %v, want %d", n, err, want)
		}
	}
	purge(time.Now().Add(-time.Hour), 0)
	purge(time.Now().Add(time.Hour), keys-1)
	_ = held.Release(t.Context())
	if got := idOf(t, l, "key 7"); got != "7" {
		t.Errorf("a key that was held has the id %q, want 7", got)
	}
	put(t, l, "new", "1") // an id of an entry that was removed
	purge(time.Now().Add(time.Hour), 2)
	if lease, err := l.Acquire(t.Context(), "open"); err != nil || lease.Entry().Token == nil {
		t.Errorf("the entry whose outcome is open: %v", err)
	} else {
		_ = lease.Release(t.Context())
	}
	names, err := client.Keys(t.Context(), "*").Result()
	slices.Sort(names)
	if want := []string{"growthgenius:{ledger}:epoch", "growthgenius:{ledger}:key:again", "growthgenius:{ledger}:key:open"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("Redis has the keys %q, want %q (%v)", names, want, err)
	}
}
