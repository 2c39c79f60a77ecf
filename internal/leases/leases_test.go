package leases_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/leases"
	"github.com/growthgenius/growthgenius-go/ledger/ledgertest"
)

// opened is a ledger and the process whose it is.
type opened struct {
	*leases.Ledger
	process *process
}

func open(m *memory, lease time.Duration) opened {
	p := m.process()
	return opened{leases.New(p, leases.Options{Name: "store", Lease: lease}), p}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	const lease = 500 * time.Millisecond
	ledgertest.Run(t, func(*testing.T) ledgertest.Store {
		shared := newMemory()
		return ledgertest.Store{
			Open: func(*testing.T) growthgenius.Ledger { return open(shared, lease) },
			Kill: func(_ *testing.T, l growthgenius.Ledger) { l.(opened).process.set(faults{down: errAway}) },
			Suspend: func(_ *testing.T, l growthgenius.Ledger) (resume func()) {
				resumed := make(chan struct{})
				l.(opened).process.set(faults{hangs: resumed})
				return func() { close(resumed) }
			},
			Takeover: lease,
		}
	})
}

func acquire(t *testing.T, l growthgenius.Ledger, key string) growthgenius.Lease {
	t.Helper()
	lease, err := l.Acquire(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// bubble runs a test in fake time, with two processes that share a store.
func bubble(t *testing.T, test func(t *testing.T, a, b opened)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		test(t, open(m, 0), open(m, 0))
	})
}

// TestUntil: a lease is taken to begin before its request was sent, and to last for 90 s.
func TestUntil(t *testing.T) {
	bubble(t, func(t *testing.T, a, _ opened) {
		a.process.set(faults{latency: 3 * time.Second})
		sent := time.Now()
		lease := acquire(t, a, "key")
		if got, want := lease.Until(), sent.Add(90*time.Second); !got.Equal(want) {
			t.Errorf("Until is %v after the request was sent, want %v", got.Sub(sent), want.Sub(sent))
		}
		time.Sleep(25 * time.Second) // it was acquired 6 s after sent, and is renewed 30 s later
		sent = time.Now().Add(5 * time.Second)
		time.Sleep(20 * time.Second)
		if got, want := lease.Until(), sent.Add(90*time.Second); !got.Equal(want) {
			t.Errorf("after its renewal Until is %v after the request was sent, want %v", got.Sub(sent), want.Sub(sent))
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if left := time.Until(lease.Until()); left > 0 {
			t.Errorf("after its release the lease has %v left", left)
		}
	})
}

// TestShortLease: a lease lasts for 100 ms at least.
func TestShortLease(t *testing.T) {
	bubble(t, func(t *testing.T, _, _ opened) {
		l := open(newMemory(), 1)
		lease := acquire(t, l, "key")
		time.Sleep(time.Second)
		if n := l.process.count("Renew"); n < 29 || n > 31 {
			t.Errorf("%d renewals in a second", n)
		}
		_ = lease.Release(t.Context())
	})
}

// TestRenewal: all leases are renewed by one call every third of their length, as long as any
// is held, and always have two thirds left.
func TestRenewal(t *testing.T) {
	bubble(t, func(t *testing.T, a, _ opened) {
		var held []growthgenius.Lease
		for i := range 100 {
			held = append(held, acquire(t, a, fmt.Sprint(i)))
		}
		for range 100 {
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if left := time.Until(held[0].Until()); left < time.Minute {
				t.Fatalf("%v left", left)
			}
		}
		if n := a.process.count("Renew"); n != 33 {
			t.Errorf("%d renewals in 1000 s, want 33", n)
		}
		for _, lease := range held {
			if err := lease.Release(t.Context()); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Hour)
		if n := a.process.count("Renew"); n != 33 {
			t.Errorf("%d renewals after all were released", n-33)
		}
		again := acquire(t, a, "again")
		time.Sleep(time.Hour)
		if left := time.Until(again.Until()); left < time.Minute {
			t.Errorf("a lease that was acquired later has %v left", left)
		}
		_ = again.Release(t.Context())
	})
}

// TestReleasedWhileRenewed: a renewal ends when its last lease is released, and does not get
// in the way of the next lease.
func TestReleasedWhileRenewed(t *testing.T) {
	bubble(t, func(t *testing.T, a, _ opened) {
		first := acquire(t, a, "first")
		a.process.set(faults{hangs: make(chan struct{})})
		time.Sleep(31 * time.Second) // the renewal hangs
		a.process.set(faults{})
		begun := time.Now()
		if err := first.Release(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		a.process.mu.Lock()
		if n := a.process.active; n != 0 {
			t.Errorf("%d operations go on", n)
		}
		a.process.mu.Unlock()
		next := acquire(t, a, "next")
		if took := time.Since(begun); took != 0 {
			t.Errorf("that took %v", took)
		}
		time.Sleep(10 * time.Minute)
		if left := time.Until(next.Until()); left < time.Minute {
			t.Errorf("%v left", left)
		}
		_ = next.Release(t.Context())
	})
}

// TestStoreAway: leases that cannot be renewed run out, and go on if the store is back before
// another process has acquired their keys.
func TestStoreAway(t *testing.T) {
	bubble(t, func(t *testing.T, a, b opened) {
		kept, lost := acquire(t, a, "kept"), acquire(t, a, "lost")
		a.process.set(faults{down: errAway})
		time.Sleep(89 * time.Second)
		if left := time.Until(kept.Until()); left != time.Second {
			t.Errorf("%v left, want 1s", left)
		}
		if _, err := a.Acquire(t.Context(), "another"); !errors.Is(err, errAway) || err.Error() != "store: acquiring the key: the store is away" {
			t.Errorf("Acquire: %v", err)
		}
		time.Sleep(2 * time.Second)
		if left := time.Until(kept.Until()); left != -time.Second {
			t.Errorf("%v left, want -1s", left)
		}
		taken := acquire(t, b, "lost")
		if err := kept.Record(t.Context(), growthgenius.Entry{ID: "1"}); !errors.Is(err, errAway) {
			t.Errorf("Record: %v", err)
		}
		a.process.set(faults{})
		time.Sleep(10 * time.Second) // renewals that fail are tried again sooner
		synctest.Wait()
		if left := time.Until(kept.Until()); left < 80*time.Second {
			t.Errorf("%v left after the store was back", left)
		}
		if left := time.Until(lost.Until()); left > 0 {
			t.Errorf("a lease that was taken over has %v left", left)
		}
		calls := a.process.count("Record")
		for _, lease := range []growthgenius.Lease{lost, kept} {
			err := lease.Record(t.Context(), growthgenius.Entry{ID: "1"})
			if errors.Is(err, growthgenius.ErrLeaseLost) != (lease == lost) {
				t.Errorf("Record: %v", err)
			}
			if err := lease.Release(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := a.process.count("Record") - calls; n != 1 {
			t.Errorf("%d requests, want 1: that a lease is lost was known", n)
		}
		_ = taken.Release(t.Context())
	})
}

// TestRecordNoticesTheLoss: a lease whose Record fails is over.
func TestRecordNoticesTheLoss(t *testing.T) {
	bubble(t, func(t *testing.T, a, b opened) {
		lease := acquire(t, a, "key")
		b.process.rows["key"].holder = "another"
		err := lease.Record(t.Context(), growthgenius.Entry{ID: "1"})
		if !errors.Is(err, growthgenius.ErrLeaseLost) || !lease.Entry().IsZero() {
			t.Errorf("got %v, and the entry %v", err, lease.Entry())
		}
		if left := time.Until(lease.Until()); left > 0 {
			t.Errorf("%v left", left)
		}
		time.Sleep(time.Hour)
		if err := lease.Release(t.Context()); err != nil || a.process.count("Renew")+a.process.count("Release") != 0 {
			t.Errorf("%v, and %d requests", err, a.process.count("Renew")+a.process.count("Release"))
		}
	})
}

// TestOneAsks: of those of a process that wait for a key, one at a time asks the store.
func TestOneAsks(t *testing.T) {
	bubble(t, func(t *testing.T, a, b opened) {
		held := acquire(t, a, "key")
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				lease, err := b.Acquire(t.Context(), "key")
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Millisecond)
				if err := lease.Release(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Minute)
		// Pauses of 10 ms to 500 ms, and of at least 250 ms from the sixth on.
		if n := b.process.count("Acquire"); n < 120 || n > 250 {
			t.Errorf("%d requests in a minute", n)
		}
		before := b.process.count("Acquire")
		_ = held.Release(t.Context())
		begun := time.Now()
		group.Wait()
		if n, took := b.process.count("Acquire")-before, time.Since(begun); n != 50 || took > 600*time.Millisecond {
			t.Errorf("%d requests in %v for 50 leases", n, took)
		}
	})
}

// TestWaitsForTheEnd: a wait ends with the lease of the holder that died.
func TestWaitsForTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, a, b opened) {
		acquire(t, a, "key")
		a.process.set(faults{down: errAway})
		begun := time.Now()
		time.Sleep(time.Millisecond) // the last pause is not a whole one
		lease := acquire(t, b, "key")
		if took := time.Since(begun); took != 90*time.Second {
			t.Errorf("it took %v, want 90s", took)
		}
		_ = lease.Release(t.Context())
		a.process.set(faults{}) // and the renewals end
	})
}

// TestContextEnds: each wait ends with its context at once, whatever the store does, and what
// was acquired meanwhile is given back.
func TestContextEnds(t *testing.T) {
	bubble(t, func(t *testing.T, a, b opened) {
		held := acquire(t, a, "key")
		for name, l := range map[string]opened{"this process": a, "another process": b, "the store": b} {
			key := "key"
			if name == "the store" {
				key = "another"
				b.process.set(faults{hangs: make(chan struct{})})
			}
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			begun := time.Now()
			_, err := l.Acquire(ctx, key)
			if took := time.Since(begun); took != 7*time.Second || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("waiting for %s: %v after %v", name, err, took)
			}
			if want := "store: "; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %q, want %q before it", err, want)
			}
			cancel()
			b.process.set(faults{})
			time.Sleep(time.Minute)
		}
		_ = held.Release(t.Context())
		b.process.set(faults{late: errAway})
		if _, err := b.Acquire(t.Context(), "key"); !errors.Is(err, errAway) {
			t.Errorf("Acquire whose response is lost: %v", err)
		}
		synctest.Wait()
		begun := time.Now()
		lease := acquire(t, a, "key")
		if took := time.Since(begun); took != 0 {
			t.Errorf("the key was free after %v", took)
		}
		_ = lease.Release(t.Context())
	})
}

// TestRelease: it frees the key also if its context has ended, or if the store does not
// respond, and may be called again.
func TestRelease(t *testing.T) {
	bubble(t, func(t *testing.T, a, b opened) {
		ended, end := context.WithCancel(t.Context())
		end()
		lease := acquire(t, a, "key")
		for range 2 {
			if err := lease.Release(ended); err != nil {
				t.Error(err)
			}
		}
		if n := a.process.count("Release"); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		former := lease
		lease = acquire(t, a, "key")
		_ = former.Release(t.Context()) // which does not let others of this process have a turn
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Acquire(short, "key"); !errors.Is(err, context.DeadlineExceeded) || a.process.count("Acquire") != 2 {
			t.Errorf("%v after %d requests", err, a.process.count("Acquire"))
		}
		a.process.set(faults{hangs: make(chan struct{})})
		begun := time.Now()
		if err := lease.Release(ended); err == nil || time.Since(begun) != 5*time.Second {
			t.Errorf("the store hangs: %v after %v", err, time.Since(begun))
		}
		a.process.set(faults{})
		lease = acquire(t, a, "key") // which is this process's own
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("the key was free after %v", took)
		}
		a.process.set(faults{down: errAway})
		begun = time.Now()
		if err := lease.Release(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("the store is away: %v", err)
		}
		lease = acquire(t, b, "key") // for another one the lease runs out
		if took := time.Since(begun); took != 90*time.Second {
			t.Errorf("the key was free after %v", took)
		}
		_ = lease.Release(t.Context())
		time.Sleep(time.Second) // what this process knows of its former leases is over
		calls := a.process.count("Release")
		a.process.set(faults{})
		_ = acquire(t, a, "key").Release(t.Context())
		if n := a.process.count("Release") - calls; n != 1 {
			t.Errorf("%d releases, want 1", n)
		}
	})
}

// TestDamaged: what is stored and is not an entry is an error, and the key is free.
func TestDamaged(t *testing.T) {
	bubble(t, func(t *testing.T, a, b opened) {
		a.process.rows["key"] = &row{value: leases.Value{Data: []byte("{")}}
		for _, l := range []opened{a, b} {
			if _, err := l.Acquire(t.Context(), "key"); err == nil || !strings.Contains(err.Error(), "not an entry") {
				t.Errorf("got %v", err)
			}
			synctest.Wait()
		}
	})
}

// TestOpen: only an entry with a token and without an id is open, and only an id with a scope
// belongs to one key.
func TestOpen(t *testing.T) {
	bubble(t, func(t *testing.T, a, _ opened) {
		token := &growthgenius.CreateToken{}
		err := json.Unmarshal([]byte(`{"version":1,"nonce":"N","resource":"contact","user_id":7,"content":{"email":"a"},"started":"2026-01-02T03:04:05Z"}`), token)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			entry growthgenius.Entry
			want  leases.Value
		}{
			{growthgenius.Entry{Scope: "contact", Token: token}, leases.Value{Open: true}},
			{growthgenius.Entry{Scope: "contact", Token: token, ID: "1"}, leases.Value{Scope: "contact", ID: "1"}},
			{growthgenius.Entry{Token: token, ID: "1"}, leases.Value{}},
			{growthgenius.Entry{Scope: "contact"}, leases.Value{}},
		} {
			lease := acquire(t, a, "key")
			if err := lease.Record(t.Context(), tt.entry); err != nil {
				t.Fatal(err)
			}
			got := a.process.rows["key"].value
			if len(got.Data) == 0 {
				t.Errorf("%v: no data", tt.entry)
			}
			got.Data = nil
			if got.Scope != tt.want.Scope || got.ID != tt.want.ID || got.Open != tt.want.Open {
				t.Errorf("%v: got %+v, want %+v", tt.entry, got, tt.want)
			}
			_ = lease.Release(t.Context())
		}
	})
}
