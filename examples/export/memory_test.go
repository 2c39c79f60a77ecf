//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/growthgenius/growthgenius-go/internal/testkit/program"
)

// TestMemory checks that many more contacts need hardly more memory.
func TestMemory(t *testing.T) {
	t.Parallel()
	peak := func(contacts int, format string) (kib int64) {
		t.Helper()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			contact := `{"id":%d,"full_name":"Ada","keywords":"` + strings.Repeat("x", 2000) + `"},`
			_, _ = io.WriteString(w, `{"contacts":[`)
			for id := range contacts - 1 {
				_, _ = fmt.Fprintf(w, contact, id+1)
			}
			_, _ = io.WriteString(w, `{"id":0}]}`)
		}))
		defer srv.Close()
		cmd := program.Command(t, environment(srv.URL, "key"), "-format", format, "-o", filepath.Join(t.TempDir(), "contacts"))
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil || stderr.String() != fmt.Sprintf("%[1]d of %[1]d contacts\n", contacts) {
			t.Fatalf("%v: %s", err, &stderr)
		}
		return cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	}
	for _, format := range []string{"csv", "jsonl"} {
		few, many := peak(300, format), peak(20_000, format) // 0.6 and 40 MB
		if many > few+16<<10 {
			t.Errorf("%s: %d KiB for 300 contacts, %d KiB for 20,000", format, few, many)
		}
		t.Logf("%s: %d KiB, %d KiB", format, few, many)
	}
}
