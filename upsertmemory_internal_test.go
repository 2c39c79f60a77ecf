package growthgenius

import (
	"strconv"
	"testing"
)

// TestUpsertsForget: without a ledger, a client remembers the latest keys only.
func TestUpsertsForget(t *testing.T) {
	t.Parallel()
	var u upserts
	store := func(key string) {
		lease, err := u.Acquire(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if err := lease.Record(t.Context(), Entry{ID: "1"}); err != nil {
			t.Fatal(err)
		}
		if err := lease.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	known := func(key string) bool { return (&upsertLease{&u, key}).Entry().ID == "1" }
	store("first")
	for i := range maxUpserted {
		store(strconv.Itoa(i))
	}
	if !known("first") || !known("0") || known("none") {
		t.Error("a key was forgotten too early")
	}
	for i := range maxUpserted {
		store(strconv.Itoa(maxUpserted + i))
	}
	if known("first") || !known(strconv.Itoa(maxUpserted)) {
		t.Error("the first key is still known")
	}
}
