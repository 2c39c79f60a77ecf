package ledger_test

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	growthgenius "github.com/growthgenius/growthgenius-go"
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

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
