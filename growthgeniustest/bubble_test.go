package growthgeniustest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// fatal is a test that notes why it ended.
type fatal struct {
	growthgeniustest.TB

	text string
}

func (f *fatal) Helper()                           {}
func (f *fatal) Fatalf(format string, args ...any) { f.text = fmt.Sprintf(format, args...) }

// TestBubbleThatWouldHang: a server that a bubble would wait for without end fails at once, and says what
// to do. That holds for one that was started outside, too.
func TestBubbleThatWouldHang(t *testing.T) {
	t.Parallel()
	outside := growthgeniustest.NewServer(t)
	memory := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork())
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(24 * time.Hour)
		f := &fatal{TB: t}
		if srv := growthgeniustest.NewServer(f); srv != nil || !strings.Contains(f.text, "needs WithInMemoryNetwork") {
			t.Errorf("NewServer: %v, %q", srv, f.text)
		}
		if srv, err := growthgeniustest.Start(); srv != nil || err == nil {
			t.Errorf("Start: %v, %v", srv, err)
		}
		for want, use := range map[string]func(){
			"needs WithInMemoryNetwork": func() { outside.Client() }, "a synctest bubble a server": func() { outside.Transport() },
			"was started outside": func() { memory.Client() }, "outside the synctest bubble": func() { memory.Transport() },
		} {
			if text := panics(use); !strings.Contains(text, want) {
				t.Errorf("panicked with %q, want %q", text, want)
			}
		}
		srv := growthgeniustest.NewServer(t, growthgeniustest.WithInMemoryNetwork())
		if _, err := srv.Client().Users.List(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if _, err := memory.Client().Users.List(t.Context()); err != nil {
		t.Error(err)
	}
}

// panics returns what a function panics with.
func panics(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}
