package test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/ledger"
)

var (
	onceRows  = flag.Int("once.rows", 150, "how many rows TestOnceSurvivesKills creates")
	onceKills = flag.Int("once.kills", 4, "how often it kills the process")
	onceLate  = flag.Duration("once.late", 0, "how late the server commits what it gives no response to")
)

// row returns row i of an import. Each 50th one is equal to the one before, and has no
// e-mail address.
func row(i int) growthgenius.ContactInput {
	switch i % 50 {
	case 0:
		return row(i + 1)
	case 1:
		return growthgenius.ContactInput{FullName: growthgenius.Set(fmt.Sprint("Twin ", i))}
	default:
		return growthgenius.ContactInput{
			FullName: growthgenius.Set(fmt.Sprint("Row ", i)), Email: growthgenius.Set(fmt.Sprintf("row%d@example.com", i)),
		}
	}
}

// TestOnceSurvivesKills: a process that imports rows under keys, at 30% faults, is killed
// again and again. In the end each row was created once.
func TestOnceSurvivesKills(t *testing.T) {
	t.Parallel()
	if url := os.Getenv("ONCE_TEST_URL"); url != "" {
		importRows(t, url, os.Getenv("ONCE_TEST_KEY"), os.Getenv("ONCE_TEST_LEDGER"))
		return
	}
	srv := growthgeniustest.NewServer(t, growthgeniustest.WithoutRecording())
	for _, f := range growthgeniustest.FaultMix(0.3, 50*time.Millisecond) {
		f.Method, f.Route = "POST", "/contacts"
		if f.Commit {
			f.CommitDelay = *onceLate
		}
		srv.Inject(f)
	}
	path := filepath.Join(t.TempDir(), "ledger")
	rng := rand.New(rand.NewPCG(1, 2))
	killed := 0
	for {
		ctx, cancel := context.WithCancel(t.Context())
		child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestOnceSurvivesKills$",
			fmt.Sprint("-once.rows=", *onceRows), fmt.Sprint("-once.late=", *onceLate))
		child.Env = append(os.Environ(), "ONCE_TEST_URL="+srv.URL(), "ONCE_TEST_KEY="+srv.APIKey(), "ONCE_TEST_LEDGER="+path)
		if killed < *onceKills {
			killed++
			before := len(srv.Contacts())
			time.AfterFunc(time.Duration(rng.Int64N(int64(time.Second))), func() {
				for len(srv.Contacts()) == before && ctx.Err() == nil { // it gets on each time
					time.Sleep(10 * time.Millisecond)
				}
				cancel()
			})
		}
		out, err := child.CombinedOutput()
		interrupted := ctx.Err() != nil
		cancel()
		if err == nil {
			break
		}
		if !interrupted {
			t.Fatalf("the import failed: %v\n%s", err, out)
		}
	}
	names := map[string]int{}
	for _, c := range srv.Contacts() {
		names[c.FullName]++
	}
	for i := range *onceRows {
		want := 1
		if i%50 < 2 {
			want = 2
		}
		if name, _ := row(i).FullName.Get(); names[name] != want {
			t.Errorf("%d contacts of %s, want %d", names[name], name, want)
		}
	}
	if got := len(srv.Contacts()); got != *onceRows {
		t.Errorf("%d contacts of %d rows", got, *onceRows)
	}
	t.Logf("%d rows, killed %d times: %d contacts", *onceRows, killed, len(srv.Contacts()))
}

// importRows is the process that is killed.
func importRows(t *testing.T, url, key, path string) {
	l, err := ledger.OpenFile(path, ledger.FileOptions{For: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	transport := growthgenius.DefaultTransport()
	t.Cleanup(transport.CloseIdleConnections)
	c := testkit.NewClient(t, key, growthgenius.WithHTTPClient(&http.Client{Transport: transport}), growthgenius.WithBaseURL(url), growthgenius.WithUserID("1"), growthgenius.WithLedger(l),
		growthgenius.WithAttemptTimeout(2*time.Second),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: time.Second + *onceLate}))
	var group sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range *onceRows {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			for {
				_, err := c.Contacts.Create(t.Context(), row(i), growthgenius.Once(fmt.Sprint("row ", i)))
				switch {
				case err == nil:
					return
				case errors.Is(err, growthgenius.ErrInvalidInput), errors.Is(err, growthgenius.ErrKeyReused), errors.Is(err, growthgenius.ErrKeyDeleted):
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}
