//go:build unix

package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growthgenius/growthgenius-go/growthgeniustest"
)

// TestProgressLines: without a terminal, there is a line every 10 seconds, with the time that is
// left if the total is known.
func TestProgressLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := startProgress(&out, false, "contacts read")
		for i := range 39 {
			time.Sleep(time.Second - 1)
			p.count.Add(20)
			if i == 15 {
				p.total.Store(500)
			}
		}
		p.printf("odd: %d", 5)
		p.end()
		want := "200 contacts read\n400 of about 500 contacts read, about 5s left\n600 contacts read\nodd: 5\n"
		if got := out.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

// TestProgressBar: on a terminal there is a bar, and lines are printed above it.
func TestProgressBar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := startProgress(&out, true, "contacts read")
		p.count.Add(20)
		p.total.Store(50)
		time.Sleep(time.Second)
		p.printf("odd: %d", 5)
		p.end()
		if got := out.String(); !strings.Contains(got, "contacts read") || !strings.Contains(got, "(20/50") ||
			!strings.Contains(got, "\rodd: 5\n") || !strings.HasSuffix(got, "\r") {
			t.Errorf("got %q", got)
		}
	})
}

// TestInterrupted interrupts a run that has stored the contacts. The next one stores the rest.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	dsn := t.TempDir() + "/test.db"
	srv := serve(t)
	srv.day(30)
	requested := make(chan struct{}, 100)
	env := srv.proxy(t, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		if strings.HasSuffix(r.URL.Path, growthgeniustest.RouteMessages) {
			requested <- struct{}{}
			<-r.Context().Done()
			return
		}
		serve(w, r)
	})
	p := start(t, env, "-dsn", dsn)
	<-requested
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	const want = "sync: interrupted: what was stored stays; run it again, and it goes on from there\n"
	if p.ProcessState.ExitCode() != 1 || p.stderr.String() != want {
		t.Errorf("exit %d: %s", p.ProcessState.ExitCode(), &p.stderr)
	}
	again := start(t, srv.env(), "-dsn", dsn)
	again.ends(t, "")
	srv.same(t, dsn)
	if got := again.stdout.String(); !strings.HasPrefix(got, "contacts: 0 changed") {
		t.Errorf("the second run prints %q", got)
	}
}
