// Package ledgertest tests implementations of [growthgenius.Ledger]. Call [Run] in a test of
// your own:
//
//	func TestLedger(t *testing.T) {
//		ledgertest.Run(t, func(t *testing.T) ledgertest.Store {
//			table := newTable(t)
//			return ledgertest.Store{
//				Open: func(t *testing.T) growthgenius.Ledger { return open(t, table) },
//				Kill: func(t *testing.T, l growthgenius.Ledger) { l.(*Ledger).disconnect() },
//				// The leases of the ledgers that Open returns last for a second.
//				Takeover: time.Second,
//			}
//		})
//	}
//
// Give the leases of a store that is tested a short length: a second does, on a slow machine,
// too.
package ledgertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// Store is what several processes share: a file, a table, a server.
type Store struct {
	// Open opens the store as one process does. The ledger is closed with t.
	Open func(t *testing.T) growthgenius.Ledger
	// Kill ends that process without releasing its leases. If it is nil, the store does not
	// outlive its process, and no test of that is run.
	Kill func(t *testing.T, l growthgenius.Ledger)
	// Alone means that only one process can have the store open at a time.
	Alone bool
	// Takeover is how long the leases of a process that was killed last at most. If it is 0,
	// they end with the process.
	Takeover time.Duration
	// Suspend keeps all requests of a process from the store, those that renew its leases
	// included, until resume is called. Requests that were kept may then go on, or fail. If
	// it is nil, no test of a process that goes on after its lease was taken over is run.
	Suspend func(t *testing.T, l growthgenius.Ledger) (resume func())
}

// Run runs all tests. empty returns an empty store.
func Run(t *testing.T, empty func(t *testing.T) Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Store){
		"stores and removes an entry":         testEntry,
		"one holder at a time":                testOneHolder,
		"a wait ends with its context":        testContext,
		"an id belongs to one key of a scope": testScopes,
		"a released lease records nothing":    testReleased,
		"many keys at once":                   testManyKeys,
		"outlives its process":                testKill,
		"a lease is held until its release":   testRenewal,
		"a lease that was taken over":         testTakeover,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, empty(t))
		})
	}
}

func acquire(t *testing.T, l growthgenius.Ledger, key string) growthgenius.Lease {
	t.Helper()
	lease, err := l.Acquire(t.Context(), key)
	if err != nil {
		t.Fatalf("Acquire(%q): %v", key, err)
	}
	return lease
}

func record(t *testing.T, lease growthgenius.Lease, e growthgenius.Entry) {
	t.Helper()
	if err := lease.Record(t.Context(), e); err != nil {
		t.Fatalf("Record: %v", err)
	}
	wantEntry(t, lease, e)
}

func release(t *testing.T, lease growthgenius.Lease) {
	t.Helper()
	if err := lease.Release(t.Context()); err != nil {
		t.Errorf("Release: %v", err)
	}
}

func wantEntry(t *testing.T, lease growthgenius.Lease, want growthgenius.Entry) {
	t.Helper()
	got, err := json.Marshal(lease.Entry())
	if err != nil {
		t.Fatalf("the entry cannot be encoded: %v", err)
	}
	wanted, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, wanted) {
		t.Errorf("Entry: got %s, want %s", got, wanted)
	}
}

// store acquires a key, records an entry, and releases the key.
func store(t *testing.T, l growthgenius.Ledger, key string, e growthgenius.Entry) {
	t.Helper()
	lease := acquire(t, l, key)
	record(t, lease, e)
	release(t, lease)
}

// expect wants an entry under a key.
func expect(t *testing.T, l growthgenius.Ledger, key string, want growthgenius.Entry) {
	t.Helper()
	lease := acquire(t, l, key)
	wantEntry(t, lease, want)
	release(t, lease)
}

// sample returns an entry with all fields.
func sample(t *testing.T, id growthgenius.ID) growthgenius.Entry {
	t.Helper()
	var token growthgenius.CreateToken
	err := json.Unmarshal([]byte(`{"version":1,"nonce":"N","resource":"contact","user_id":7,
		"content":{"email":"ana@example.com","first_name":"Ana \u2028 \"Müller\""},"started":"2026-01-02T03:04:05.678Z"}`), &token)
	if err != nil {
		t.Fatal(err)
	}
	return growthgenius.Entry{
		Scope: "contact", ID: id, Token: &token, Note: json.RawMessage(`{"line":12}`),
	}
}

func testEntry(t *testing.T, s Store) {
	l := s.Open(t)
	const key = "an import/row 1 \x00\"ü\n"
	expect(t, l, key, growthgenius.Entry{})
	whole := sample(t, "4711")
	store(t, l, key, whole)
	expect(t, l, key, whole)
	expect(t, l, key+" ", growthgenius.Entry{})
	open := growthgenius.Entry{Token: whole.Token}
	store(t, l, key, open)
	expect(t, l, key, open)
	store(t, l, key, growthgenius.Entry{})
	expect(t, l, key, growthgenius.Entry{})
}

func testOneHolder(t *testing.T, s Store) {
	ledgers := []growthgenius.Ledger{s.Open(t)}
	if !s.Alone {
		ledgers = append(ledgers, s.Open(t))
	}
	var holders, count atomic.Int64
	var group sync.WaitGroup
	const each = 20
	for i := range 8 {
		group.Go(func() {
			for range each {
				lease, err := ledgers[i%len(ledgers)].Acquire(t.Context(), "key")
				if err != nil {
					t.Errorf("Acquire: %v", err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d holders at a time", n)
				}
				var n int64
				if note := lease.Entry().Note; note != nil {
					if err := json.Unmarshal(note, &n); err != nil {
						t.Errorf("Note %s: %v", note, err)
					}
				}
				if want := count.Load(); n != want {
					t.Errorf("the entry is that of record %d, want %d", n, want)
				}
				n = count.Add(1)
				if err := lease.Record(t.Context(), growthgenius.Entry{Note: fmt.Appendf(nil, "%d", n)}); err != nil {
					t.Errorf("Record: %v", err)
				}
				holders.Add(-1)
				if err := lease.Release(t.Context()); err != nil {
					t.Errorf("Release: %v", err)
				}
			}
		})
	}
	group.Wait()
	if got := count.Load(); got != 8*each {
		t.Errorf("%d records, want %d", got, 8*each)
	}
}

func testContext(t *testing.T, s Store) {
	l := s.Open(t)
	held := acquire(t, l, "key")
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error)
	go func() {
		_, err := l.Acquire(ctx, "key")
		waited <- err
	}()
	cancel()
	if err := <-waited; !errors.Is(err, context.Canceled) {
		t.Errorf("Acquire of a held key with a context that ended: %v", err)
	}
	if _, err := l.Acquire(ctx, "another"); !errors.Is(err, context.Canceled) {
		t.Errorf("Acquire with a context that had ended: %v", err)
	}
	if err := held.Record(ctx, sample(t, "1")); !errors.Is(err, context.Canceled) {
		t.Errorf("Record with a context that had ended: %v", err)
	}
	if err := held.Release(ctx); err != nil {
		t.Errorf("Release with a context that had ended: %v", err)
	}
	expect(t, l, "key", growthgenius.Entry{}) // and it is free
	expect(t, l, "another", growthgenius.Entry{})
}

func testScopes(t *testing.T, s Store) {
	l := s.Open(t)
	if !s.Alone {
		store(t, s.Open(t), "a", sample(t, "1"))
	} else {
		store(t, l, "a", sample(t, "1"))
	}
	b := acquire(t, l, "b")
	if err := b.Record(t.Context(), sample(t, "1")); !errors.Is(err, growthgenius.ErrIDTaken) {
		t.Errorf("Record of the id of another key: got %v, want ErrIDTaken", err)
	}
	wantEntry(t, b, growthgenius.Entry{})
	record(t, b, sample(t, "2"))
	record(t, b, sample(t, "2"))
	testTaken(t, b)
	other := sample(t, "1")
	other.Scope = "message"
	record(t, b, other) // gives back 2
	release(t, b)
	none := sample(t, "1")
	none.Scope = ""
	store(t, l, "c", none)
	store(t, l, "d", none)
	store(t, l, "e", sample(t, "2"))
	store(t, l, "a", growthgenius.Entry{}) // gives back 1
	store(t, l, "d", sample(t, "1"))
	expect(t, l, "b", other)
	expect(t, l, "c", none)
}

// testTaken looks for the ids of other keys, if the lease can. Key a has 1, and this one has 2.
func testTaken(t *testing.T, b growthgenius.Lease) {
	t.Helper()
	lease, ok := b.(interface {
		Taken(ctx context.Context, scope string, id growthgenius.ID) (bool, error)
	})
	if !ok {
		return
	}
	own := sample(t, "1").Scope
	for id, want := range map[growthgenius.ID]bool{"1": true, "2": false, "3": false} {
		for _, scope := range []string{own, "message"} {
			taken, err := lease.Taken(t.Context(), scope, id)
			if err != nil || taken != (want && scope == own) {
				t.Errorf("Taken of %s %s: got %v, %v", scope, id, taken, err)
			}
		}
	}
}

func testReleased(t *testing.T, s Store) {
	l := s.Open(t)
	lease := acquire(t, l, "key")
	record(t, lease, sample(t, "1"))
	release(t, lease)
	if err := lease.Record(t.Context(), sample(t, "2")); !errors.Is(err, growthgenius.ErrLeaseLost) {
		t.Errorf("Record after Release: got %v, want ErrLeaseLost", err)
	}
	expect(t, l, "key", sample(t, "1"))
}

// testManyKeys holds many keys at once, records under all, and reads them.
func testManyKeys(t *testing.T, s Store) {
	l := s.Open(t)
	other := l
	if !s.Alone {
		other = s.Open(t)
	}
	const keys = 1000
	leases := make([]growthgenius.Lease, keys)
	all(t, keys, func(i int) (err error) {
		leases[i], err = l.Acquire(t.Context(), fmt.Sprint("key ", i))
		return err
	})
	if t.Failed() {
		return
	}
	all(t, keys, func(i int) error {
		e := growthgenius.Entry{Scope: "contact", ID: growthgenius.IntID(int64(i))}
		return errors.Join(leases[i].Record(t.Context(), e), leases[i].Release(t.Context()))
	})
	all(t, keys, func(i int) error {
		lease, err := other.Acquire(t.Context(), fmt.Sprint("key ", i))
		if err != nil {
			return err
		}
		if got, want := lease.Entry().ID, growthgenius.IntID(int64(i)); got != want {
			err = fmt.Errorf("got the id %q, want %q", got, want)
		}
		return errors.Join(err, lease.Release(t.Context()))
	})
}

// all calls f with each number below n, with 64 of them at a time.
func all(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	var group sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := f(i); err != nil {
				t.Errorf("key %d: %v", i, err)
			}
		})
	}
	group.Wait()
}
