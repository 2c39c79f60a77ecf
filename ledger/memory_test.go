package ledger_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// TestIDsKeepNoRecords: an id is a part of the response that it is from, and a ledger that has the
// id does not keep that in memory. It is not parallel: it measures the heap of the process.
func TestIDsKeepNoRecords(t *testing.T) { //nolint:paralleltest // see above
	file, err := ledger.OpenFile(filepath.Join(t.TempDir(), "ledger"), ledger.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const n, response = 200, 64 << 10
	for name, l := range map[string]growthgenius.Ledger{"file": file, "memory": ledger.NewMemory()} {
		before := heap()
		for i := range n {
			id := growthgenius.IntID(int64(1e6 + i))
			text := string(id) + strings.Repeat("x", response)
			lease, err := l.Acquire(t.Context(), "key "+string(id))
			if err != nil {
				t.Fatal(err)
			}
			if err := lease.Record(t.Context(), growthgenius.Entry{Scope: "contact", ID: growthgenius.ID(text[:len(id)])}); err != nil {
				t.Fatal(err)
			}
			if err := lease.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if kept := heap() - before; kept > n*response/4 {
			t.Errorf("%s: %d KiB are kept for %d ids", name, kept>>10, n)
		}
	}
}

// TestFileMemory: an entry takes few bytes of memory, however long its key is. It is
// not parallel either.
func TestFileMemory(t *testing.T) { //nolint:paralleltest // see above
	if testkit.Race {
		t.Skip("the race detector needs memory of its own")
	}
	const entries, writers, most = 20_000, 50, 200
	f, err := ledger.OpenFile(filepath.Join(t.TempDir(), "ledger"), ledger.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	before := heap()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := w; i < entries; i += writers {
				key := fmt.Sprintf("contact/import/%q/%064d/0", "customers of the year", i)
				put(t, f, key, growthgenius.ID(fmt.Sprint(1102755+i)))
			}
		})
	}
	group.Wait()
	if each := (heap() - before) / entries; each > most {
		t.Errorf("%d bytes for each entry, want at most %d", each, most)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
