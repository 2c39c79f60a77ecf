package ledger_test

import (
	"path/filepath"
	"testing"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/ledger"
	"github.com/growthgenius/growthgenius-go/ledger/ledgertest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(*testing.T) ledgertest.Store {
		shared := ledger.NewMemory()
		return ledgertest.Store{Open: func(*testing.T) growthgenius.Ledger { return shared }}
	})
}

func TestFile(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T) ledgertest.Store {
		t.Helper()
		path := filepath.Join(t.TempDir(), "ledger")
		return ledgertest.Store{
			Alone: true,
			Open: func(t *testing.T) growthgenius.Ledger {
				t.Helper()
				f := openFile(t, path, "")
				t.Cleanup(func() { _ = f.Close() })
				return f
			},
			Kill: func(t *testing.T, l growthgenius.Ledger) {
				t.Helper()
				if f, ok := l.(*ledger.File); !ok || f.Close() != nil {
					t.Error("the ledger cannot be closed")
				}
			},
		}
	})
}

func openFile(t *testing.T, path, purpose string) *ledger.File {
	t.Helper()
	f, err := ledger.OpenFile(path, ledger.FileOptions{For: purpose})
	if err != nil {
		t.Fatal(err)
	}
	return f
}
